"""One attempt's knocks at a server that does not let anybody in yet, with a clock of the test's own."""

import socket
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from psycopg import OperationalError
from psycopg.pq import PollingStatus
from psycopg.pq.abc import PGconn

from pgheadroom.access.knocking import AFTER_CRASH, AFTER_LOSS, AT_A_PORT, JITTER, NEAR, WATCHERS, Pace
from pgheadroom.errors import NoConnection
from pgheadroom.postgres import attempt, turns
from pgheadroom.postgres.attempt import Attempt
from pgheadroom.postgres.burst import Burst
from pgheadroom.postgres.clear_text import Listening

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
    assert looks == [], "a look at the port would cost a server that starts one more process each time"


def test_a_watch_goes_on_where_the_server_has_begun_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin anew takes a while, and the moment is near."""
    clock = Clock()
    heard: list[float] = []

    class Starting(Attempt):
        def _reach(self, address: Mapping[str, str], options: Mapping[str, str]) -> PGconn:
            heard.append(clock.now)
            down = clock.now < 0.9 * WATCH
            raise OperationalError("Connection refused" if down else "FATAL:  the database system is starting up")

    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(attempt, "select", SimpleNamespace(select=clock.select))
    monkeypatch.setattr(attempt, "wait_for_listener", lambda *_: True)
    with pytest.raises(OperationalError, match="starting up"):
        Starting({"host": "/nowhere"}, pace=Pace(0.0, watch=WATCH, every=EVERY)).run()
    assert heard[-1] > 1.8 * WATCH


def test_where_nobody_listens_it_looks_at_the_port_instead_of_knocking(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []

    class Restarting(Attempt):
        def _reach(self, address: Mapping[str, str], options: Mapping[str, str]) -> PGconn:
            met.append("knock")
            raise OperationalError("Connection refused" if len(met) == 1 else "too many clients already")

    def listened(*_: object) -> bool:
        met.append("look")
        return True

    monkeypatch.setattr(attempt, "wait_for_listener", listened)
    with pytest.raises(OperationalError, match="too many"):
        Restarting({"host": "/nowhere"}, pace=Pace(0.0, watch=WATCH, every=0.001)).run()
    assert met == ["knock", "look", "knock"]


def test_libpq_is_asked_only_once_the_line_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked before, it calls a port that refuses a server that closed the connection, as the kernel's mood is."""
    done: list[str] = []

    class Watched(Attempt):
        def _wait(self, libpqs: int, reading: bool, listening: Listening | None, ends: float) -> None:
            done.append("reading" if reading else "writing")
            super()._wait(libpqs, reading, listening, ends)

    def polled(pgconn: PGconn) -> PollingStatus:
        done.append("asked")
        return before(pgconn)

    before = attempt._polled
    monkeypatch.setattr(attempt, "_polled", polled)
    with pytest.raises(OperationalError, match="refused"):
        Watched({"host": "127.0.0.1", "port": "1", "user": "web"}).run()
    assert done == ["writing", "asked"]


@pytest.mark.parametrize(("pace", "logins"), [(AFTER_LOSS, 1), (AFTER_CRASH, WATCHERS)])
async def test_a_server_that_says_nothing_keeps_one_login_of_ours_unless_all_sessions_have_ended(
    pace: Pace, logins: int
) -> None:
    """With them went the locks that a login could be waiting for; whoever waits for an answer then comes too late."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        given = {"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "web", "connect_timeout": "2"}
        burst = Burst(pace)
        with pytest.raises(NoConnection, match="no answer"):
            await burst.connect(given, "here", 0.5)
    assert burst.attempts == logins


@pytest.mark.parametrize(("takes", "apart"), [(0.003, 0.004), (0.04, 0.005), (0.8, 0.4)])
def test_those_who_see_a_port_open_at_once_knock_one_after_the_other(
    takes: float, apart: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they are refused together, and nobody stands there in between, where the server opens."""
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: 100.0))
    taken = turns.Turns(0.004, AT_A_PORT)
    taken.took(takes)
    waits = [taken.take() for _ in range(AT_A_PORT)]
    assert waits == pytest.approx([apart * number for number in range(AT_A_PORT)])
    most = AT_A_PORT if takes <= NEAR else WATCHERS
    assert most * apart >= takes, "and no more of them are under way at a time"
