"""One action on sessions: written down before the signal, followed for as long as it takes, and written down after."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pgheadroom.acting.powers import Powers
from pgheadroom.acting.sessions import Confirmed, SessionAction, watch
from pgheadroom.audit import Audit
from pgheadroom.errors import AuditFailed, NoConnection
from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.plan import Scope
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.acting.choice import by_hand
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case
from samples import NOW, many, roles, session, snapshot
from sure import sure

ROLES = roles(Role("web", False, None), Role("root", True, None))
LEAK = many(3, application="leak")


class Server:
    """Answers each signal as told, and keeps what it was asked for."""

    def __init__(self, outcome: Outcome = Outcome.SIGNALLED, error: BaseException | None = None) -> None:
        self.outcome, self.error = outcome, error
        self.asked: list[tuple[Verb, tuple[Target, ...], bool, set[str]]] = []

    async def signal(
        self,
        verb: Verb,
        targets: Sequence[Target],
        *,
        include_superusers: bool = False,
        protected_roles: Collection[str] = (),
    ) -> list[Result]:
        self.asked.append((verb, tuple(targets), include_superusers, set(protected_roles)))
        if self.error is not None:
            raise self.error
        return [Result(target, self.outcome, "as told") for target in targets]


def later(seconds: float, sessions: Sequence[Session] = (), **given: Any) -> Snapshot:
    return snapshot(sessions, taken_at=NOW + timedelta(seconds=seconds), roles=ROLES, **given)


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    path = tmp_path / "actions.jsonl"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def acting(tmp_path: Path) -> Callable[..., SessionAction]:
    def begin(
        server: Server,
        sessions: Sequence[Session] = LEAK,
        verb: Verb = Verb.TERMINATE,
        clock: Callable[[], float] = time.monotonic,
        **protects: Any,
    ) -> SessionAction:
        shown = later(0, sessions)
        planned = plan(Case(shown, Thresholds()), verb, sessions, Scope(**protects))
        confirmed = Confirmed(planned, by_hand(verb, planned.targets), shown, "app=leak")
        return SessionAction(confirmed, Powers(server, Audit(tmp_path / "actions.jsonl")), clock)

    return begin


def outcomes(audited: Callable[[], list[dict[str, Any]]]) -> list[str]:
    return [result["outcome"] for result in audited()[-1]["results"]]


async def test_what_is_intended_is_written_before_the_signal(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    written: list[str] = []

    class Looks(Server):
        async def signal(self, *arguments: Any, **others: Any) -> list[Result]:
            written.extend(line["event"] for line in audited())
            return await super().signal(*arguments, **others)

    action = acting(Looks())
    await action.signal()
    assert written == ["intended"]
    assert audited()[0]["chosen_by"] == "app=leak"


async def test_what_cannot_be_written_down_is_not_done(acting: Callable[..., SessionAction], tmp_path: Path) -> None:
    (tmp_path / "actions.jsonl").mkdir()
    server = Server()
    with pytest.raises(AuditFailed):
        await acting(server).signal()
    assert server.asked == []


async def test_what_protected_the_plan_protects_from_the_signal(acting: Callable[..., SessionAction]) -> None:
    server = Server()
    everybody = [session(2), session(3, user="root")]
    for include in (False, True):
        action = acting(server, everybody, protected_roles=frozenset({"payments"}), include_superusers=include)
        await action.signal()
    assert [(superusers, names) for _, _, superusers, names in server.asked] == [
        (False, {"payments"}),
        (True, {"payments"}),
    ]


async def test_superusers_are_not_reached_where_none_was_shown(acting: Callable[..., SessionAction]) -> None:
    server = Server()
    await acting(server, [session(2)], include_superusers=True).signal()
    assert server.asked[0][2] is False


async def test_nobody_is_back_before_the_watch_is_over(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    action = acting(Server())
    await action.signal()
    for seconds in (0.1, 1, 4.9):
        action.take(later(seconds))
        assert (action.over, action.sentence) == (False, "terminate: 3 freed, none retaken yet")
    assert len(audited()) == 1
    action.take(later(5.2))
    assert (action.over, action.sentence) == (True, "terminate: 3 freed, none retaken in 5s")
    assert outcomes(audited) == ["signalled and gone"] * 3


async def test_the_watch_begins_with_the_first_sample_after_the_signal_however_old_the_one_before_is(
    acting: Callable[..., SessionAction],
) -> None:
    """Samples that are a minute apart: one look is no watch."""
    action = acting(Server())
    await action.signal()
    action.take(later(50))
    assert not action.over
    assert action.sentence == "terminate: 3 freed, none retaken yet"
    back = many(3, first_pid=50, application="leak", backend_start=NOW + timedelta(seconds=52))
    action.take(later(55.5, back))
    assert action.over
    assert "3 retaken by leak" in action.sentence


async def test_the_sample_before_the_signal_is_the_newest_not_the_one_that_was_shown(
    acting: Callable[..., SessionAction],
) -> None:
    action = acting(Server())
    newer = later(3, [*LEAK, session(9, application="leak")])
    action.take(newer)
    await action.signal()
    assert sure(action.action).seen is newer
    action.take(later(4, newer.sessions[3:]))
    assert action.sentence == "terminate: 3 freed, none retaken yet"


async def test_a_cancel_is_over_when_its_queries_are(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    running = [session(2, State.ACTIVE, since=9), session(3, State.ACTIVE, since=9)]
    action = acting(Server(), running, Verb.CANCEL)
    await action.signal()
    action.take(later(0.1, [running[0]._replace(state=State.IDLE), running[1]]))
    assert not action.over
    action.take(later(0.2, [running[0]._replace(state=State.IDLE)]))
    assert action.over
    assert action.sentence == "cancel: 1 its query was stopped; 1 signalled and gone"
    assert outcomes(audited) == ["its query was stopped", "signalled and gone"]


async def test_where_nobody_was_signalled_nothing_is_watched(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    action = acting(Server(Outcome.REFUSED))
    await action.signal()
    action.take(later(0.1, LEAK))
    assert (action.over, action.sentence) == (True, "terminate: 3 refused; as told")
    assert outcomes(audited) == ["refused"] * 3


async def test_a_signal_without_an_answer_is_written_down_as_that(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    action = acting(Server(error=NoConnection("the connection is lost")))
    with pytest.raises(NoConnection):
        await action.signal()
    line = audited()[-1]
    assert (line["event"], line["outcome"], line["message"]) == ("result", "unknown", "the connection is lost")
    assert outcomes(audited) == ["unknown"] * 3
    action.finish()
    assert len(audited()) == 2


async def test_whoever_leaves_while_it_signals_leaves_a_line(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    action = acting(Server(error=asyncio.CancelledError()))
    with pytest.raises(asyncio.CancelledError):
        await action.signal()
    assert (audited()[-1]["outcome"], audited()[-1]["message"]) == ("unknown", "interrupted")


async def test_whoever_leaves_before_the_first_look_writes_no_more_than_is_known(
    acting: Callable[..., SessionAction], audited: Callable[[], list[dict[str, Any]]]
) -> None:
    action = acting(Server())
    await action.signal()
    action.finish()
    action.take(later(1))
    assert outcomes(audited) == ["signalled"] * 3
    assert len(audited()) == 2
    assert action.sentence == "terminate: 3 signalled"


async def test_a_result_that_cannot_be_written_is_told_and_changes_nothing(
    acting: Callable[..., SessionAction], tmp_path: Path
) -> None:
    action = acting(Server())
    await action.signal()
    (tmp_path / "actions.jsonl").unlink()
    (tmp_path / "actions.jsonl").mkdir()
    action.take(later(1))
    action.take(later(7))
    assert action.sentence == "terminate: 3 freed, none retaken in 7s"
    assert "the action happened, its result is not recorded" in action.trouble


async def test_a_watch_ends_by_our_own_clock_where_the_servers_is_set_back(
    acting: Callable[..., SessionAction],
) -> None:
    """The server's is set back by an hour at the second look."""
    looks: list[int] = []
    action = acting(Server(), clock=lambda: 4.0 * len(looks))

    async def look() -> Snapshot:
        looks.append(1)
        return later(1 if len(looks) == 1 else len(looks) - 3600)

    await action.signal()
    await watch(action, look)
    assert action.over
    assert len(looks) == 4
    assert action.sentence == "terminate: 3 freed, none retaken yet"


async def test_a_clock_that_was_set_back_before_the_first_look_changes_nothing(
    acting: Callable[..., SessionAction],
) -> None:
    action = acting(Server())
    await action.signal()
    action.take(later(-3600))
    assert action.sentence == "terminate: 3 freed, none retaken yet"
    action.take(later(-3594))
    assert (action.over, action.sentence) == (True, "terminate: 3 freed, none retaken")
