"""One attempt's knocks at a server that does not let anybody in yet, with a clock of the test's own."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from psycopg import OperationalError
from psycopg.pq.abc import PGconn

from pgheadroom.access.knocking import JITTER, NEAR, WATCHERS, Pace
from pgheadroom.postgres import attempt, turns
from pgheadroom.postgres.attempt import Attempt

EVERY, WATCH = 0.02, 1.0


class Clock:
    """Goes on only while somebody waits, or is being refused."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def select(self, _reading: object, _writing: object, _odd: object, seconds: float) -> tuple[list[object], ...]:
        self.pauses.append(seconds)
        self.now += seconds
        return [], [], []


@pytest.mark.parametrize("takes", [0.003, 0.05])
def test_the_next_knock_is_due_from_the_beginning_of_the_last_one(
    takes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS it takes longer to be refused than the pause: who paused after it would miss the first moment."""
    clock = Clock()

    class Starting(Attempt):
        def _reach(self, address: Mapping[str, str], options: Mapping[str, str]) -> PGconn:
            clock.now += takes
            raise OperationalError("connection failed: FATAL:  the database system is starting up")

    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(attempt, "select", SimpleNamespace(select=clock.select))
    looks: list[float] = []

    def listened(*_: object) -> bool:
        looks.append(clock.now)
        return False

    monkeypatch.setattr(attempt, "wait_for_listener", listened)
    with pytest.raises(OperationalError, match="starting up"):
        Starting({"host": "/nowhere"}, pace=Pace(0.0, watch=WATCH, every=EVERY)).run()
    least, most = (max(0.0, EVERY * share - takes) for share in JITTER)
    assert all(least - 1e-9 <= pause <= most + 1e-9 for pause in clock.pauses)
    assert len(clock.pauses) > 0.8 * WATCH / max(EVERY, takes) - 1
    assert looks == [0.0], "a look at the port would cost a server that starts one more process each time"


@pytest.mark.parametrize(("takes", "apart"), [(0.003, 0.004), (0.04, 0.005), (0.8, 0.2)])
def test_those_who_see_a_port_open_at_once_knock_one_after_the_other(
    takes: float, apart: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they are refused together, and nobody stands there in between, where the server opens."""
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: 100.0))
    taken = turns.Turns(0.004)
    taken.took(takes)
    waits = [taken.take() for _ in range(WATCHERS)]
    assert waits == pytest.approx([apart * number for number in range(WATCHERS)])
    most = WATCHERS if takes <= NEAR else WATCHERS / 2
    assert most * apart >= takes, "and no more of them are under way at a time"
