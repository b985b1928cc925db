"""What a sample takes over from the one before is what a whole one would say: by random sessions on real servers."""

import os
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.session import Session, State
from pgheadroom.postgres import sampling, session_list
from pgheadroom.postgres.asking import Asking
from pgheadroom.postgres.carried import TOLD_AGAIN, merged, missed, odd_pids, read_pids, same_where_equal
from pgheadroom.postgres.catalogue import Catalogue, Facts
from pgheadroom.postgres.exchange import Answer, Question, Row, Unanswered
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.rows import Words, read_session, told_again
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.session_list import SessionList
from samples import NOW, session
from servers import MAJORS, ONE_MAJOR, Roles, Sessions, hang_up

STEPS = int(os.environ.get("PGHEADROOM_DELTA_STEPS", "120"))
"""Of each version; `make test-all` takes more."""
WAITS = "<wait>"


def settled(pid: int, **others: Any) -> Session:
    one = session(pid, State.IDLE, since=90)
    return one._replace(wait_event_type="Client", wait_event="ClientRead", backend_xmin=None, xact_start=None, **others)


# --- the rule --------------------------------------------------------------------------------------------------------

PIDS = st.lists(st.integers(1, 30), unique=True, max_size=20)


@given(PIDS, PIDS, st.sets(st.integers(1, 30)))
def test_everybody_is_there_once_as_told_or_as_before(was: list[int], present: list[int], changed: set[int]) -> None:
    before = {pid: settled(pid) for pid in was}
    told = [settled(pid, application="told") for pid in present if pid in changed or pid not in before]
    found = merged(before, told, present)
    assert found is not None
    assert [one.pid for one in found] == present
    for one in found:
        assert one is before[one.pid] if one.application != "told" else one in told


@given(PIDS, st.integers(1, 30))
def test_who_was_never_told_is_not_made_up(was: list[int], pid: int) -> None:
    before = {one: settled(one) for one in was if one != pid}
    assert merged(before, [], [*before, pid]) is None
    assert merged(before, [settled(pid)], [*before]) is None


def test_a_pid_that_is_taken_again_is_another_session() -> None:
    again = settled(7, backend_start=NOW)
    found = merged({7: settled(7)}, [again], [7])
    assert found == (again,)
    assert same_where_equal({7: settled(7)}, [again])[0] is again


def test_what_is_equal_is_the_same_object() -> None:
    old, other = settled(7), settled(8)
    assert same_where_equal({7: old, 8: other}, [settled(7), settled(8, application="x")])[0] is old


def test_pids_are_read_as_the_server_writes_them() -> None:
    pids = read_pids((258).to_bytes(4, "big") + (4_194_303).to_bytes(4, "big"))
    assert pids is not None
    assert [*pids] == [258, 4_194_303]
    assert read_pids(None) is None
    assert read_pids(b"abc") is None


ODD: dict[str, dict[str, Any]] = {
    "that is notified": {"wait_event": ""},
    "with a transaction": {"xact_start": NOW},
    "with a snapshot": {"backend_xmin": "733"},
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
def test_an_idle_session_that_does_something_is_asked_for_again(fields: dict[str, Any]) -> None:
    assert odd_pids([settled(7)._replace(**fields), settled(8), session(9, State.ACTIVE)]) == [7]


def test_a_session_that_changed_and_does_not_show_it_is_found() -> None:
    before, bound = {7: settled(7), 8: settled(8)}, NOW - timedelta(seconds=2)
    renamed = [settled(7), settled(8, application="other")]
    assert missed(before, [], renamed, bound) == [8]
    assert missed(before, [8], renamed, bound) == []
    assert missed(before, [], [settled(7), settled(8, application="other", state_change=NOW)], bound) == []


NOT_TOLD = [name for name in Session._fields if name not in TOLD_AGAIN]


@pytest.mark.parametrize("name", Session._fields)
def test_of_who_goes_on_with_what_it_does_only_what_can_be_another_may_be(name: str) -> None:
    """A whole list finds it when something else became another while the state began when it did."""
    one, bound = session(7, State.ACTIVE, since=90), NOW - timedelta(seconds=2)
    change: dict[str, Any] = {name: "other" if name != "state_change" else NOW - timedelta(seconds=80)}
    other = one._replace(**change)
    if name == "pid":
        return
    assert missed({7: one}, [], [other], bound) == ([7] if name in NOT_TOLD else [])


def short(one: Session) -> Row:
    """As `activity.sql` tells it."""
    told = {name: getattr(one, name) for name in ("pid", "state_change", *TOLD_AGAIN)}
    return tuple(value.encode() if isinstance(value := told.get(name), str) else value for name in Session._fields)


def test_a_short_row_is_what_was_known_with_what_it_tells() -> None:
    one = session(7, State.ACTIVE, since=90)
    assert told_again(short(one), {7: one}, Words()) is one
    waits = one._replace(wait_event_type="LWLock", wait_event="WALWrite", backend_xid="1234")
    assert told_again(short(waits), {7: one}, Words()) == waits


def test_a_short_row_of_another_session_is_not_made_up() -> None:
    one = session(7, State.ACTIVE, since=90)
    assert told_again(short(one), {}, Words()) is None
    assert told_again(short(one), {7: one._replace(state_change=NOW)}, Words()) is None


# --- on real servers -------------------------------------------------------------------------------------------------


class Crew:
    """Sessions that do something at random, without waiting for it."""

    def __init__(self, superuser: "psycopg.Connection[Any]", sessions: Sessions) -> None:
        self._superuser = superuser
        self._sessions = sessions
        self.crew = sessions(8, "web", application_name="shop")

    def step(self, chance: random.Random) -> None:
        if len(self.crew) < 4:
            self.crew += self._sessions(4, "web", application_name=chance.choice(("shop", "cron")))
        one = chance.choice(self.crew)
        match chance.choice(("ask", "ask", "ask", "ask", "leave", "connect", "terminate", "notify")):
            case "ask":
                self._ask(one, chance)
            case "leave":
                self._leave(one)
            case "terminate":
                self._superuser.execute("SELECT pg_terminate_backend(%s)", [one.info.backend_pid])
                self._leave(one)
            case "connect" if len(self.crew) < 12:
                self.crew += self._sessions(1, "web", application_name=chance.choice(("shop", "cron")))
            case "notify":
                self._superuser.execute("NOTIFY news")

    def _leave(self, one: "psycopg.Connection[Any]") -> None:
        self.crew.remove(one)
        hang_up(one)

    def _ask(self, one: "psycopg.Connection[Any]", chance: random.Random) -> None:
        wire = one.pgconn
        if wire.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            wire.consume_input()
            while not wire.is_busy() and wire.get_result():
                pass
        elif chance.random() < 0.4:
            wire.send_query(chance.choice(LASTING).encode())
            wire.flush()
        else:
            wire.exec_(chance.choice(ASKED).encode())


ASKED = (
    "BEGIN",
    "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class",
    "COMMIT",
    "ROLLBACK",
    "SELECT 1/0",
    "SELECT 'one'",
    "SELECT txid_current()",
    "SET application_name = 'other'",
    "SET LOCAL application_name = 'local'",
    "RESET application_name",
    "DO $$ BEGIN PERFORM set_config('application_name', 'inside', false); END $$",
    "SET ROLE web",
    "RESET ROLE",
    "LISTEN news",
    "SET track_activities = off",
    "SET track_activities = on",
    "DECLARE c CURSOR FOR SELECT * FROM pg_class; FETCH c",
)


LASTING = (
    "SELECT pg_sleep(0.5)",
    "SELECT pg_sleep(0.1); SELECT pg_sleep(0.1); SELECT txid_current(), pg_sleep(0.3)",
    """DO $$ BEGIN FOR i IN 1..8 LOOP
        PERFORM set_config('application_name', 'app' || i, false), txid_current(), pg_sleep(0.04);
        COMMIT;
    END LOOP; END $$""",
    "LOCK TABLE pg_catalog.pg_largeobject_metadata; SELECT pg_sleep(0.2)",
)
"""What is under way while samples are taken; within a transaction a COMMIT inside of it fails."""


@pytest.fixture
async def probe(server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles) -> AsyncIterator[Probe]:
    role("web")
    superuser.execute("GRANT SET ON PARAMETER track_activities TO web" if server.installation.major >= 15 else "SELECT")
    probe = await Probe.open(server.conninfo())
    yield probe
    await probe.close()
    if server.installation.major >= 15:
        superuser.execute("REVOKE SET ON PARAMETER track_activities FROM web")


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> "Callable[[Probe], list[Session]]":
    """A whole list beside each list of what changed, in the same transaction."""
    told: list[Answer] = []
    ask = Asking.ask

    async def both(
        self: Asking, questions: "list[Question]", *others: "Sequence[Question]", **settling: Any
    ) -> dict[str, Answer]:
        everybody = Question("everybody", query("activity", self.version, "silent"), ("-infinity", "{}"))
        has_sessions = [question for question in questions if question.part == "sessions"]
        answers = await ask(
            self, [*questions[:3], everybody, *questions[3:]] if has_sessions else questions, *others, **settling
        )
        if has_sessions:
            told.append(answers.pop("everybody"))
        return answers

    monkeypatch.setattr(Asking, "ask", both)

    def latest(probe: Probe) -> list[Session]:
        rows = told[-1]
        assert isinstance(rows, list)
        return [read_session(row, probe.catalogue, probe._words) for row in rows]

    return latest


def comparable(one: Session) -> Session:
    """Without what is read from the process itself, not from the frozen view: it can differ within a transaction."""
    return one._replace(wait_event=WAITS, wait_event_type=WAITS, blocked_by=(), leader_pid=None)


@pytest.mark.parametrize("server", MAJORS if os.environ.get("PGHEADROOM_TEST_ALL") else [ONE_MAJOR], indirect=True)
async def test_a_sample_of_what_changed_is_a_whole_one(
    server: Cluster,
    superuser: "psycopg.Connection[Any]",
    sessions: Sessions,
    probe: Probe,
    whole: "Callable[[Probe], list[Session]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_list, "WHOLE_EVERY", 0.5)
    monkeypatch.setattr(session_list, "MARGIN", 0.05)
    monkeypatch.setattr(sampling, "AT_ONCE", 5)
    crew, chance, kept = Crew(superuser, sessions), random.Random(server.installation.major), 0
    at_it = 0
    before: dict[int, Session] = {}
    for _ in range(STEPS):
        for _ in range(chance.randint(0, 3)):
            crew.step(chance)
        snapshot = await probe.sample()
        found = [*snapshot.sessions, *snapshot.processes]
        expected = {one.pid: comparable(one) for one in whole(probe)}
        assert {one.pid: comparable(one) for one in found} == expected
        kept += sum(before.get(one.pid) is one for one in found)
        at_it += sum(one.state is State.ACTIVE for one in snapshot.sessions)
        before = {one.pid: one for one in found}
    assert min(kept, at_it) > STEPS
    assert probe.mistaken == 0


# --- when everybody is asked for -------------------------------------------------------------------------------------


def catalogue() -> Catalogue:
    facts = Facts("18.0", 180_000, 100, 3, 3, 10, 1024, "UTF8", superuser=True, user="postgres", database="postgres")
    return Catalogue(facts, role_names={None: None, 10: "web"})


PRESENT: Answer = [(1, (7).to_bytes(4, "big"))]


def asks_everybody(known: SessionList, names: Catalogue) -> bool:
    return known.questions(names)[0].values[0] == "-infinity"


@pytest.fixture
def known() -> SessionList:
    """A list of one session, and that of what changed since: nothing."""
    known, names = SessionList(), catalogue()
    assert asks_everybody(known, names)
    assert known.take(NOW, [settled(7)], PRESENT, names) is not None
    assert not asks_everybody(known, names)
    return known


def later(seconds: float = 1.0) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_one_who_did_not_change_is_the_same_object(known: SessionList) -> None:
    found = known.take(later(), [], PRESENT, catalogue())
    assert found is not None
    again = known.questions(catalogue()) and known.take(later(2), [], PRESENT, catalogue())
    assert again
    assert found.sessions[0] is again.sessions[0]


AGAIN: dict[str, tuple[datetime, Answer | None, Catalogue]] = {
    "the clock went back": (later(-1), PRESENT, catalogue()),
    "another process answers": (later(), [(2, (7).to_bytes(4, "big"))], catalogue()),
    "somebody unknown is there": (later(), [(1, bytes(3) + b"\7" + bytes(3) + b"\x08")], catalogue()),
    "who is there is not told": (later(), Unanswered("no"), catalogue()),
    "a name changed": (later(), PRESENT, replace(catalogue(), role_names={None: None, 10: "site"})),
    "a right changed": (later(), PRESENT, replace(catalogue(), facts=catalogue().facts._replace(superuser=False))),
}


@pytest.mark.parametrize("case", AGAIN.values(), ids=AGAIN)
def test_it_is_asked_again_for_everybody(known: SessionList, case: tuple[datetime, Answer | None, Catalogue]) -> None:
    moment, present, names = case
    assert known.take(moment, [], present, names) is None
    assert asks_everybody(known, names)


def test_a_new_role_is_no_reason(known: SessionList) -> None:
    assert known.take(later(), [], PRESENT, replace(catalogue(), role_names={None: None, 10: "web", 11: "new"}))


@pytest.mark.parametrize("setting", ["WHOLE_EVERY", "PAUSE"])
def test_everybody_is_asked_for_now_and_then(known: SessionList, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setattr(session_list, setting, -1.0)
    assert asks_everybody(known, catalogue())


def test_while_some_are_hidden_everybody_is_asked_for(known: SessionList) -> None:
    hidden = session(7, State.HIDDEN)._replace(backend_type="", backend_start=None, state_change=None)
    assert known.take(later(), [hidden], PRESENT, catalogue())
    assert asks_everybody(known, catalogue())


async def test_a_difference_that_a_whole_list_finds_is_counted_and_told(
    one_server: Cluster, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHEADROOM_DEBUG", "1")
    monkeypatch.setattr(session_list, "MARGIN", 0.0)
    pid = sessions(1)[0].info.backend_pid
    probe = await Probe.open(one_server.conninfo())
    await probe.sample()
    assert probe.mistaken == 0
    before = probe._list._before
    assert before is not None
    while (before.sessions[pid].state_change or NOW) >= before.bound(time.monotonic()):
        await probe.sample()
        before = probe._list._before or before
    before.sessions[pid] = before.sessions[pid]._replace(application="not what it is")
    probe.hurry()
    told = await probe.sample()
    await probe.close()
    assert probe.mistaken == 1
    assert any("a fault of ours: 1" in gap.reason for gap in told.gaps)
