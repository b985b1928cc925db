"""Which message goes out when."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.notification import Kind, Message, QuietHours, Timing
from pgheadroom.model.session import SessionId
from pgheadroom.notify.deciding import Heard, State, decide
from pgheadroom.notify.hanging import hang_together
from samples import NOW, ago

TIMING = Timing(lasting_seconds=20, calm_seconds=60, quiet_seconds=600)
AT_ONCE = Timing(lasting_seconds=0, calm_seconds=0, quiet_seconds=0)
WARNING, CRITICAL, NOTICE = Severity.WARNING, Severity.CRITICAL, Severity.NOTICE


def finding(key: str = "leak:web/shop", severity: Severity = WARNING, pids: Sequence[int] = (), **more: str) -> Finding:
    return Finding(key, severity, f"{key} is bad", sessions=tuple(SessionId(pid, NOW) for pid in pids), **more)  # type: ignore[arg-type]


class Server:
    """Tells the rule what is found, second by second."""

    def __init__(self, timing: Timing = TIMING) -> None:
        self.timing = timing
        self.state = State()
        self.now = 0.0
        self.told: list[tuple[float, Kind, Severity]] = []
        self.messages: list[Message] = []

    def shows(self, *found: Finding, seconds: int = 1, blind: bool = False, step: int = 1) -> list[Message]:
        new: list[Message] = []
        for _ in range(0, seconds, step):
            heard = Heard(self.now, NOW + timedelta(seconds=self.now), found, blind)
            self.state, messages = decide(self.state, heard, self.timing, "shop")
            new += messages
            self.told += [(self.now, one.kind, one.severity) for one in messages]
            self.now += step
        self.messages += new
        return new


def test_a_trouble_is_told_when_it_lasted_when_it_is_worse_and_when_it_is_over() -> None:
    server = Server()
    server.shows(seconds=10)
    server.shows(finding(), seconds=90)
    server.shows(finding(severity=CRITICAL), seconds=100)
    server.shows(finding(), seconds=50)
    server.shows(finding(severity=CRITICAL), seconds=50)
    server.shows(seconds=100)
    assert server.told == [
        (30, Kind.BEGIN, WARNING), (120, Kind.WORSE, CRITICAL), (360, Kind.END, CRITICAL)]  # fmt: skip
    assert {one.trouble for one in server.messages} == {"leak:web/shop@20260314T030710"}
    assert [one.began for one in server.messages] == [ago(-10)] * 3
    assert [one.over for one in server.messages] == [None, None, ago(-300)]


def test_what_does_not_last_and_what_is_mild_is_told_to_nobody() -> None:
    server = Server()
    server.shows(finding(), seconds=19)
    server.shows(finding(severity=NOTICE), seconds=300)
    assert server.messages == []
    assert server.state == State()


def test_what_comes_and_goes_without_lasting_is_told_once_with_how_often_it_came() -> None:
    server = Server()
    for _ in range(20):
        server.shows(finding(), seconds=5)
        server.shows(seconds=5)
    server.shows(seconds=100)
    assert [(one.kind, one.times) for one in server.messages] == [(Kind.BEGIN, 3), (Kind.END, 20)]


def test_what_comes_back_soon_after_its_end_is_told_once_more_and_then_only_when_it_stays_away() -> None:
    server = Server()
    for _ in range(6):
        server.shows(finding(), seconds=100)
        server.shows(seconds=200)
    server.shows(seconds=600)
    kinds = [one.kind for one in server.messages]
    assert kinds == [Kind.BEGIN, Kind.END, Kind.BEGIN, Kind.END]
    assert [one.times for one in server.messages] == [1, 1, 2, 6]
    assert len({one.trouble for one in server.messages}) == 1


def test_what_is_not_seen_has_not_ended() -> None:
    server = Server()
    server.shows(finding(), seconds=30)
    server.shows(seconds=30)
    server.shows(seconds=300, blind=True)
    assert [one.kind for one in server.messages] == [Kind.BEGIN]
    server.shows(seconds=62)
    assert [one.kind for one in server.messages] == [Kind.BEGIN, Kind.END]


HANGING = [
    ([finding("server-slots"), finding("leak:web/a", explains="server-slots")], True),
    ([finding("server-slots"), finding("no-room")], True),
    ([finding("lock-pile-up:10"), finding("lock-pile-up:11")], True),
    ([finding("idle-in-transaction", pids=[1, 2]), finding("lock-pile-up:1", pids=[1])], True),
    ([finding("role-limit:web", pids=[1]), finding("leak:web/a", pids=[1, 2, 3], explains="role-limit")], True),
    ([finding("role-limit:web", pids=[1]), finding("leak:x/a", pids=[2], explains="role-limit")], False),
    ([finding("role-limit:web"), finding("role-limit:batch")], False),
    ([finding("server-slots"), finding("pgbouncer-unreachable:a")], False),
]


@pytest.mark.parametrize(("found", "one"), HANGING)
def test_what_hangs_together_is_one_message_however_it_is_ordered(found: list[Finding], one: bool) -> None:
    for ordered in (found, found[::-1]):
        assert hang_together(ordered[0], ordered[1:]) is one
        server = Server(AT_ONCE)
        begun = server.shows(*ordered)
        assert len(begun) == (1 if one else 2)
        assert len(server.shows()) == len(begun)


def test_a_cause_that_is_found_later_is_told_to_nobody_as_it_is_known_that_there_is_trouble() -> None:
    server = Server()
    server.shows(finding("server-slots", CRITICAL), seconds=60)
    server.shows(finding("server-slots", CRITICAL), finding("leak:web/a", CRITICAL, explains="server-slots"), seconds=9)
    server.shows(finding("leak:web/a"), seconds=200)
    assert [one.kind for one in server.messages] == [Kind.BEGIN]
    (end,) = server.shows(seconds=90)
    assert [one.key for one in end.findings] == ["leak:web/a"]


def test_in_quiet_hours_only_what_is_critical_is_told_and_the_rest_when_they_are_over() -> None:
    quiet = replace(TIMING, quiet_hours=QuietHours(22 * 60, 4 * 60))  # it is 03:07
    server = Server(quiet)
    mild, bad, short = finding(), finding("role-limit:a", CRITICAL), finding("role-limit:b")
    server.shows(mild, bad, short, seconds=300, step=10)
    server.shows(mild, seconds=3000, step=10)
    told = [(one.kind, one.findings[0].key, one.untold) for one in server.messages]
    key = "role-limit:a"
    assert told == [(Kind.BEGIN, key, 0), (Kind.END, key, 0), (Kind.BEGIN, mild.key, 1)]
    assert server.messages[-1].at.strftime("%H:%M:%S") == "04:00:00"


def test_what_becomes_critical_is_told_when_the_hour_is_used_up_by_others() -> None:
    server = Server(replace(TIMING, most_per_hour=8))
    server.shows(*(finding(f"role-limit:{name}") for name in "abcdefghij"), seconds=30)
    assert len(server.messages) == 6
    server.shows(finding("leak:x/y", CRITICAL), seconds=30)
    assert server.messages[-1].severity is CRITICAL


def test_an_hour_has_so_many_messages_and_its_last_quarter_is_for_what_becomes_critical_not_for_ends() -> None:
    server = Server(replace(AT_ONCE, most_per_hour=4))
    many = [finding(f"role-limit:{name}", CRITICAL) for name in "abc"]
    server.shows(*many)
    server.shows(seconds=3599)
    assert [at for at, _, _ in server.told] == [0, 0, 0]
    server.shows(seconds=10)
    assert [(at, kind) for at, kind, _ in server.told[3:]] == [(3600, Kind.END)] * 3


def test_hours_go_over_midnight() -> None:
    at = NOW.replace(hour=23, minute=0)
    assert QuietHours(22 * 60, 7 * 60).hold(at)
    assert not QuietHours(7 * 60, 22 * 60).hold(at)
    assert QuietHours(23 * 60, 24 * 60).hold(at)


# --- whatever comes --------------------------------------------------------------------------------------------------

KEYS = ["server-slots", "leak:a/b", "role-limit:web", "lock-pile-up:1", "lock-pile-up:2", "no-room"]
found_then = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(list(Severity)), max_size=4)
steps = st.lists(st.tuples(st.sampled_from([1, 20, 60, 400]), st.booleans(), found_then), max_size=60)
timings = st.builds(
    Timing,
    lasting_seconds=st.sampled_from([0.0, 20.0]),
    calm_seconds=st.sampled_from([0.0, 60.0]),
    quiet_seconds=st.sampled_from([0.0, 300.0]),
    most_per_hour=st.integers(1, 8),
    quiet_hours=st.sampled_from([None, QuietHours(180, 195)]),
)


@settings(max_examples=150, deadline=None)
@given(steps, timings)
def test_no_trouble_begins_twice_ends_unbegun_or_is_worse_twice_and_no_hour_has_too_many(
    told: list[tuple[int, bool, dict[str, Severity]]], timing: Timing
) -> None:
    server, by_trouble = Server(timing), defaultdict[str, list[Message]](list)
    for seconds, blind, found in told:
        server.shows(*(finding(*one) for one in found.items()), blind=blind)
        server.now += seconds
    server.now += 4000  # whatever was held back for the hour goes
    server.shows(seconds=40_000, step=300)
    for message in server.messages:
        by_trouble[message.trouble].append(message)
    for messages in by_trouble.values():
        worst: Severity | None = None
        for one in messages:
            assert (one.kind is Kind.BEGIN) == (worst is None)
            assert one.kind is not Kind.WORSE or (worst is not None and one.severity.rank < worst.rank)
            assert one.kind is not Kind.END or one.severity is worst
            assert one.severity.rank <= timing.severity.rank
            worst = None if one.kind is Kind.END else one.severity
        assert worst is None
    moments = [at for at, _, _ in server.told]
    assert all(sum(0 <= one - at < 3600 for one in moments) <= timing.most_per_hour for at in moments)
    assert server.state.troubles == ()
