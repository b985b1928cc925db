"""What can be held, how far, who is ended above it, and what is held by what was written down."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.hold import NO_LIMIT, Change, Grip, HeldKind, Holdable, HoldSite, HoldState
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Role, SlotSettings
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.acting.held import Held, back, holds, state_of, told_grip
from pgheadroom.rules.acting.hold import (
    above,
    affected,
    limits_of_it,
    offered_limit,
    proposed_limit,
    refusal,
    statement_of,
)
from pgheadroom.rules.acting.hold_options import options
from pgheadroom.rules.acting.staged import has_steps, next_step
from pgheadroom.rules.facts.case import Case
from samples import NOW, many, roles, session, snapshot
from sure import sure

WEB = Holdable(HeldKind.ROLE, 4711, "web", NO_LIMIT, True, superuser=False, may_alter=True)
HERE = HoldSite("1", in_recovery=False, found=(WEB,))


def case(*sessions: Any, slots: int = 20) -> Case:
    known = roles(Role("web", False, None), Role("other", False, None), Role("root", True, None))
    seen = snapshot(sessions, settings=SlotSettings(slots, 3), roles=known)
    return Case(seen, Thresholds())


def of_web(before: int, after: int) -> Change:
    return Change(HeldKind.ROLE, 4711, "web", Grip(before), Grip(after))


def test_why_it_is_not_held() -> None:
    assert refusal(WEB, HERE, "dba") == ""
    assert "connected as" in refusal(WEB, HERE, "web")
    assert "protected_roles" in refusal(WEB, HERE, "dba", ["web"])
    standby = HoldSite("1", in_recovery=True, primary="db1:5432")
    assert refusal(WEB, standby, "dba").endswith("do it on the primary (db1:5432)")
    invalid = Holdable(HeldKind.DATABASE, 5, "half", -2, True, superuser=False, may_alter=True)
    assert "DROP DATABASE" in refusal(invalid, HERE, "dba")
    theirs = Holdable(HeldKind.DATABASE, 5, "shop", -1, True, superuser=False, may_alter=False)
    assert refusal(theirs, HERE, "dba").endswith("its owner may, or a superuser")
    told = refusal(theirs, HERE, "dba", (), Grip(3))
    assert told.endswith("or a superuser. To hand over: ALTER DATABASE shop CONNECTION LIMIT 3;")


def test_the_proposal_never_stops_who_is_in_the_middle_of_something() -> None:
    idle = many(10, user="web", state=State.IDLE)
    assert 1 <= proposed_limit(case(*idle), WEB) < 10
    assert proposed_limit(case(*idle, slots=900), replace(WEB, limit=7)) == 7
    busy = many(16, user="web", state=State.ACTIVE)
    assert proposed_limit(case(*busy), WEB) == 16


def test_a_role_at_its_limit_is_offered_what_the_server_has_room_for() -> None:
    full = replace(WEB, limit=4)
    seen = case(*many(4, user="web", state=State.IDLE), slots=40)
    assert offered_limit(seen, full) == 8
    assert offered_limit(seen, replace(WEB, limit=5)) <= 5  # one more gets in
    assert offered_limit(case(*many(4, user="web", state=State.IDLE), *many(13, 50)), full) <= 4  # nobody else would
    first, *rest = options(seen, full, 8, replace(WEB, kind=HeldKind.DATABASE), ())
    assert (first.words, first.explanation) == (
        "role web: limit 8, raised from 4",
        "ALTER ROLE web CONNECTION LIMIT 8;",
    )
    assert [one.words for one in rest] == ["role web: NOLOGIN"]
    assert limits_of_it(seen, of_web(4, 8))[0] == "4 more of it get in, and 24 slots are left to the server's warning"
    assert "it can fill the server" in limits_of_it(seen, of_web(4, 80))[0]
    assert "keeps nothing for the others" in limits_of_it(seen, of_web(4, NO_LIMIT))[0]


def test_the_longest_idle_are_ended_first_and_transactions_only_when_asked() -> None:
    def of(pid: int, state: State, seconds: int) -> Any:
        since = NOW - timedelta(seconds=seconds)
        opened = since if state is not State.IDLE else None
        return session(pid=pid, user="web", state=state, state_change=since, xact_start=opened, query_start=since)

    theirs = [
        of(11, State.IDLE, 5),
        of(12, State.IDLE, 50),
        of(13, State.IDLE_IN_TRANSACTION, 500),
        of(14, State.ACTIVE, 900),
    ]
    seen = case(*theirs, *many(2, first_pid=50, user="other"))
    assert [one.pid for one in above(seen, HeldKind.ROLE, "web", 3)] == [12]
    assert [one.pid for one in above(seen, HeldKind.ROLE, "web", 0)] == [12, 11]
    assert [one.pid for one in above(seen, HeldKind.ROLE, "web", 0, transactions=True)] == [12, 11, 13]
    assert above(seen, HeldKind.ROLE, "web", 4) == []
    database = seen.snapshot.sessions[0].database or ""
    kept = above(seen, HeldKind.DATABASE, database, 0, protected=["web"])
    assert all(one.user == "other" for one in kept)


def test_what_is_said_of_it() -> None:
    seen = case(*many(8, user="web", state=State.IDLE), session(pid=90, user="other"))
    assert affected(seen, HeldKind.ROLE, "web") == ["web has 8 sessions now (8 idle)"]
    database = seen.snapshot.sessions[0].database or ""
    assert "8 of web, 1 of other" in "\n".join(affected(seen, HeldKind.DATABASE, database))
    assert "the 8 would stay" in limits_of_it(seen, of_web(NO_LIMIT, 3))[0]
    assert statement_of(HeldKind.ROLE, 'a"b', Grip(3, False)) == 'ALTER ROLE "a""b" CONNECTION LIMIT 3 NOLOGIN;'
    assert statement_of(HeldKind.ROLE, "web", Grip(3, timeout="1'min")) == (
        "ALTER ROLE web CONNECTION LIMIT 3; ALTER ROLE web SET idle_in_transaction_session_timeout = '1''min';"
    )
    assert statement_of(HeldKind.ROLE, "web", Grip(timeout="")).endswith("RESET idle_in_transaction_session_timeout;")
    assert statement_of(HeldKind.DATABASE, "shop", Grip(3)) == "ALTER DATABASE shop CONNECTION LIMIT 3;"


def test_who_leaves_transactions_open_is_offered_a_timeout_that_tells_whom_it_does_not_reach() -> None:
    seen = case(*many(8, user="web", state=State.IDLE_IN_TRANSACTION))
    (offered,) = [one for one in options(seen, WEB, 3, None, ()) if one.change.after.timeout is not None]
    assert offered.words == "role web: idle in transaction for 1min at most"
    assert offered.explanation == "ALTER ROLE web SET idle_in_transaction_session_timeout = '1min';"
    assert "8 sessions idle in a transaction now" in limits_of_it(seen, offered.change)[0]
    has_it = replace(WEB, timeout="1min")
    assert all(one.change.after.timeout is None for one in options(seen, has_it, 3, None, ()))
    root = replace(WEB, superuser=True)
    assert refusal(root, HERE, "dba", (), Grip(timeout="1min")) == ""
    assert "no limit binds it" in refusal(root, HERE, "dba", (), Grip(3))


def test_what_changes_nothing_is_not_offered() -> None:
    limited = replace(WEB, limit=3)
    seen = case(*many(8, user="web", state=State.IDLE))
    assert [one.words for one in options(seen, limited, 3, None, ())] == ["role web: NOLOGIN"]
    first, *_ = options(seen, limited, 2, None, ())
    assert first.words == "role web: limit 2, then end 6 idle sessions above it"
    (raised,) = holds(lines("hold", 1, Grip(3), Grip(9), "done"))
    (lowered,) = holds(lines("hold", 1, Grip(-1), Grip(9), "done"))
    assert (raised.tightens, lowered.tightens) == (False, True)


# --- what was written down -------------------------------------------------------------------------------------------


def lines(verb: str, number: int, before: Grip, after: Grip, outcome: str | None) -> list[dict[str, Any]]:
    told = {"server": "1", "kind": "role", "oid": 4711, "name": "web"}
    told |= {"before": told_grip(before), "after": told_grip(after)}
    who = {"os_user": "dba", "host": "jump"}
    common = {"at": NOW.isoformat(), "action": str(number), "who": who}
    intended = common | {"event": "intended", "verb": verb, "hold": told}
    return [intended] if outcome is None else [intended, common | {"event": "result", "outcome": outcome}]


@pytest.mark.parametrize(
    ("outcome", "held"),
    [("done", True), (None, True), ("unknown", True), ("refused", False), ("changed before", False)],
)
def test_what_was_intended_is_held_until_it_is_known_that_nothing_happened(outcome: str | None, held: bool) -> None:
    """The program may have ended between the line before and the change, or between the change and the line after."""
    found = holds(lines("hold", 1, Grip(-1), Grip(3), outcome))
    assert bool(found) is held
    if outcome is None:
        now = Holdable(HeldKind.ROLE, 4711, "web", 3, True, superuser=False, may_alter=True)
        assert [state_of(found[0], one) for one in (now, WEB, None)] == [
            HoldState.HELD,
            HoldState.BACK,
            HoldState.DROPPED,
        ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["limit", "nologin", "both", "timeout", "let go"]), st.integers(0, 9)), max_size=6
    )
)
def test_letting_go_gives_back_what_was_before_the_first(steps: list[tuple[str, int]]) -> None:
    now, told = WEB.grip, list[dict[str, Any]]()
    for number, (what, limit) in enumerate([*steps, ("let go", 0)]):
        held = holds(told)
        if what == "let go":
            if held:
                assert held[0].after.matches(now)
                told += lines("let go", number, held[0].after, held[0].before, "done")
                now = held[0].before.over(now)
        else:
            after = {
                "limit": Grip(limit),
                "nologin": Grip(login=False),
                "both": Grip(limit, False),
                "timeout": Grip(timeout=f"{limit + 1}min"),
            }[what]
            before = Grip(
                None if after.limit is None else now.limit,
                None if after.login is None else now.login,
                None if after.timeout is None else now.timeout,
            )
            told += lines("hold", number, before, after, "done")
            now = after.over(now)
    assert now == WEB.grip
    assert holds(told) == ()


def test_what_somebody_else_has_set_between_two_holds_is_what_was_before() -> None:
    told = lines("hold", 1, Grip(-1), Grip(5), "done") + lines("hold", 2, Grip(8), Grip(3), "done")
    assert holds(told)[0].before == Grip(8)


def test_lines_that_are_no_holds_are_skipped() -> None:
    other: list[dict[str, Any]] = [
        {"event": "intended", "action": "1", "verb": "terminate"},
        {"event": "result"},
        {},
        {"hold": 3},
    ]
    assert holds([*other, *lines("hold", 2, Grip(-1), Grip(3), "done"), *other])[0].confirmed


# --- letting go in steps ---------------------------------------------------------------------------------------------


def held_at(limit: int, before: int) -> Held:
    (told,) = holds(lines("hold", 1, Grip(before), Grip(limit), "done"))
    return Held(told, replace(WEB, limit=limit), HoldState.HELD)


def test_the_steps_go_up_to_what_was_before_and_stop_at_the_warning() -> None:
    seen, limit, limits = case(*many(5, user="web"), slots=103), 5, list[int | None]()
    while (step := next_step(seen, held_at(limit, 60))) is not None and step.after != Grip(60):
        limit = step.after.limit or 0
        limits.append(limit)
    assert limits == [10, 20, 40]
    assert step == back(held_at(40, 60))
    unlimited = next_step(seen, held_at(90, NO_LIMIT))
    assert sure(unlimited).after == Grip(NO_LIMIT)
    assert next_step(case(*many(5, user="web"), *many(75, 50), slots=103), held_at(5, 60)) is None
    near = next_step(case(*many(5, user="web"), *many(70, 50), slots=103), held_at(5, 60))
    assert sure(near).after == Grip(7)  # half of the 4 that are left, and no more


def test_what_has_no_steps() -> None:
    assert has_steps(held_at(5, NO_LIMIT))
    assert not has_steps(held_at(9, 5))
    assert not has_steps(replace(held_at(5, NO_LIMIT), state=HoldState.CHANGED))
    (timed,) = holds(lines("hold", 1, Grip(timeout=""), Grip(timeout="1min"), "done"))
    assert not has_steps(Held(timed, WEB, HoldState.HELD))


def test_who_may_not_log_in_is_let_in_by_a_limit_first_and_has_at_the_end_what_was_before() -> None:
    told, now = lines("hold", 0, Grip(login=True), Grip(login=False), "done"), replace(WEB, login=False)
    seen, grips = case(*many(2, user="web"), slots=103), list[Grip]()
    for number in range(1, 9):
        if not (found := holds(told)):
            break
        held = Held(found[0], now, state_of(found[0], now))
        assert has_steps(held)
        step = sure(next_step(seen, held))
        assert step.before.matches(now.grip)
        grips.append(step.after)
        now = replace(now, limit=sure(step.after.over(now.grip).limit), login=bool(step.after.over(now.grip).login))
        told += lines("let go" if step == back(held) else "hold", number, step.before, step.after, "done")
    assert grips == [Grip(40, True), Grip(78), Grip(NO_LIMIT, True)]
    assert now == WEB
