"""No text from outside makes a terminal do anything: through every field that there is, to every way out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bouncers import database
from pgheadroom.analysis import analyse
from pgheadroom.audit import Audit
from pgheadroom.cli import diagnostics
from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.bouncer import BouncerUser, DatabaseStats, Rates, Totals
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.detail import SessionDetail
from pgheadroom.model.gap import Gap
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.json_ import to_json
from pgheadroom.output.text import render
from pgheadroom.tui.options import Options
from poison import PAYLOAD, obeyed, poisoned, text_fields
from sure import sure
from tui.pooled import FakeConsole, commanding, pooled
from tui.powers import FakeServer
from tui.stage import LARGE, on_stage, settled
from tui.test_waiting import waiting

STRUCTURE = {
    ("Session", "backend_type"), ("Session", "wait_event_type"), ("BouncerClient", "state"), ("Pool", "mode"),
    ("Setting", "key"), ("BouncerDatabase", "mode"), ("PgBouncer", "version"), ("PgBouncer", "product"),
    ("PgBouncer", "trouble"),
}  # fmt: skip
"""Where a word means something: poisoned it means nothing, and what it stands for is not shown."""


def everything() -> Snapshot:
    """A snapshot in which each field that holds text is there."""
    seen = pooled()
    (bouncer,) = seen.pgbouncers
    rates = Rates(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    bouncer = replace(
        bouncer,
        databases=(*bouncer.databases, database("other")),
        users=(BouncerUser("web", "session"),),
        stats=(DatabaseStats("shop", Totals(*[1.0] * 7), rates, rates),),
        lists=(("databases", 2),),
        command=BouncerCommand(BouncerVerb.PAUSE, "other"),
        gaps=(Gap("users", "not permitted"),),
    )
    return replace(
        seen,
        pgbouncers=(bouncer,),
        gaps=(Gap("locks", "permission denied"),),
        processes=(seen.sessions[0]._replace(pid=1, backend_type="autovacuum worker"),),
        returned="back",
        door=replace(seen.door, hint="a better door"),
    )


FIELDS = sorted(text_fields(everything()))


def test_the_sample_has_every_kind_of_text() -> None:
    assert len(FIELDS) >= 60


@pytest.mark.parametrize("fields", [None, *([field] for field in FIELDS)], ids=lambda f: ".".join(f[0]) if f else "all")
def test_text_and_json(fields: list[tuple[str, str]] | None) -> None:
    seen = poisoned(everything(), fields)
    for width in (60, 200):
        assert obeyed(render(analyse(seen, Thresholds()), width)) == ""
    written = to_json(analyse(seen, Thresholds()))
    assert written.isascii()
    assert obeyed(written) == ""
    json.loads(written)


def test_stdout_and_stderr_whatever_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics.print_in_every_locale()
    diagnostics.put(f"a{PAYLOAD}\nb")
    diagnostics.say(f"no connection: {PAYLOAD}")
    diagnostics.say("x" * 100_000)
    diagnostics.say_traceback(f"Traceback\nRuntimeError: {PAYLOAD}\n")
    told = capfd.readouterr()
    assert obeyed(told.out) == ""
    assert told.out.endswith("\nb\n")
    assert obeyed(told.err) == ""
    assert len(max(told.err.splitlines(), key=len)) < 2100


def test_audit_file(tmp_path: Path) -> None:
    seen = poisoned(everything())
    audit = Audit(tmp_path / "actions.jsonl")
    action = audit.intend(Verb.TERMINATE, seen.sessions, seen, PAYLOAD)
    audit.complete(action, [Result(Target(*seen.sessions[0].id), Outcome.REFUSED, PAYLOAD, PAYLOAD)])
    audit.complete_command(audit.intend_command(PAYLOAD, PAYLOAD, PAYLOAD), PAYLOAD, PAYLOAD)
    audit.refuse(Verb.CANCEL, seen.sessions, seen, PAYLOAD, PAYLOAD)
    written = sure(audit.path).read_text()
    assert written.isascii()
    assert obeyed(written) == ""
    assert [json.loads(line)["event"] for line in written.splitlines()] == [
        "intended", "result", "intended", "result", "refused",
    ]  # fmt: skip


# --- screens ---------------------------------------------------------------------------------------------------------

KEYS = (
    "1",
    "u",
    "u",
    "2",
    "enter",
    "y",
    "escape",
    "escape",
    "3",
    "4",
    *["tab"] * 8,
    "5",
    "n",
    "t",
    "j",
    "j",
    "question_mark",
    "escape",
)
ACTING = (
    "2",
    "slash",
    *"web",
    "enter",
    "K",
    "escape",
    "C",
    "n",
    "space",
    "K",
    "n",
    "B",
    "v",
    "escape",
    "4",
    "X",
    "escape",
)


class PoisonedServer(FakeServer):
    async def detail(self, session: SessionId, known: SessionDetail | None = None) -> SessionDetail | None:
        told = await super().detail(session, known)
        return told and poisoned(told)


@pytest.mark.parametrize(
    ("keys", "spared"),
    [(KEYS, ()), (KEYS, STRUCTURE), (ACTING, STRUCTURE)],  # who is nobody's session is not acted on
    ids=["looking-all", "looking-but structure", "acting-but structure"],
)
async def test_every_screen(tmp_path: Path, spared: Sequence[Any] | set[tuple[str, str]], keys: Sequence[str]) -> None:
    seen = poisoned(everything(), spared=spared)
    options = commanding(seen, FakeConsole(), tmp_path)
    options = Options(PAYLOAD, inquiries=PoisonedServer(seen), powers=options.powers)
    shown = ""
    async with on_stage(*settled(seen), size=LARGE, options=options) as stage:
        for key in keys:
            await stage.press(key)
            assert obeyed(stage.screen) == "", key
            shown += stage.screen
    assert "\ufffd" in shown


async def test_the_waiting_room_and_a_stale_screen() -> None:
    trouble = poisoned(replace(waiting(), help="look there"))
    async with on_stage(trouble, size=LARGE) as stage:
        assert obeyed(stage.screen) == ""
        assert "\ufffd" in stage.screen
    seen = everything()
    later = poisoned(replace(waiting(), waiting=None, since=seen.taken_at + timedelta(seconds=1)))
    async with on_stage(seen, later, size=LARGE) as stage:
        for key in ("1", "4", "t"):
            await stage.press(key)
            assert obeyed(stage.screen) == "", key
