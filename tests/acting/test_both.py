"""The screen and the command line say the same of the same action: each is given the same samples."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pgheadroom.cli import main
from pgheadroom.config import Settings
from pgheadroom.model.action import Outcome
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from samples import ago
from tui.outage import outage
from tui.powers import FakeServer, armed
from tui.stage import LARGE, on_stage
from tui.test_acting import known_roles

ROOT = 3000
SEEN = known_roles(outage())
(WHO,) = (one for one in SEEN.sessions if one.pid == ROOT)
LEFT = tuple(one for one in SEEN.sessions if one.pid != ROOT)
BACK = WHO._replace(pid=9000, backend_start=ago(-2))


def after(seconds: float, sessions: tuple[Session, ...]) -> Snapshot:
    return replace(SEEN, taken_at=ago(-seconds), sessions=sessions)


class Recorded(FakeServer):
    """A server of which every sample is there already."""

    def __init__(self, samples: Sequence[Snapshot]) -> None:
        super().__init__(SEEN)
        self.samples = [SEEN, *samples]

    async def sample_once(self, patience: float = 10.0) -> Snapshot:
        return self.samples.pop(0)

    async def close(self) -> None:
        pass


async def on_screen(samples: Sequence[Snapshot], folder: Path, outcome: Outcome) -> str:
    server = FakeServer(SEEN)
    server.outcome = outcome
    async with on_stage(SEEN, options=armed(server, folder), size=LARGE) as stage:
        await stage.press("tab", "K", "y")
        for sample in samples:
            await stage.post(sample)
        return stage.line("terminate: ").strip()


@pytest.mark.parametrize(
    ("samples", "outcome", "told"),
    [
        ([after(0.1, LEFT), after(2, LEFT), after(5.2, LEFT)], Outcome.SIGNALLED, "1 freed, none retaken in 5s"),
        (
            [after(0.1, LEFT), after(2.5, (*LEFT, BACK)), after(5.2, (*LEFT, BACK))],
            Outcome.SIGNALLED,
            "1 freed, 1 retaken by invoices in 5s: fix or stop the application, or limit the role",
        ),
        ([after(1, SEEN.sessions), after(6.1, SEEN.sessions)], Outcome.SIGNALLED, "0 freed, 1 still there"),
        ([after(1, SEEN.sessions)], Outcome.REFUSED, "1 refused"),
    ],
)
def test_of_the_same_samples_both_say_the_same(
    samples: Sequence[Snapshot],
    outcome: Outcome,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = asyncio.run(on_screen(samples, tmp_path / "screen", outcome))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "script"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    server = Recorded(samples)
    server.outcome = outcome

    async def open_source(settings: Settings, flags: argparse.Namespace, *, ahead: object) -> Recorded:
        return server

    monkeypatch.setattr("pgheadroom.cli.signals_server.open_source", open_source)
    main(["terminate", "--filter", f"pid:{ROOT}", "--yes", "host=/nowhere"])
    script = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("terminate: "))
    assert screen == script == f"terminate: {told}"
    assert server.samples == []
