from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.health import Status
from pgheadroom.rules.verdict.watch import GONE_AFTER, Watch
from samples import NOW

CRITICAL, WARNING, NOTICE = Severity.CRITICAL, Severity.WARNING, Severity.NOTICE


def one(key: str = "long-queries", severity: Severity = WARNING, sentence: str = "", **given: Any) -> Finding:
    return Finding(key, severity, sentence or key, **given)


def watched(*samples: Sequence[Finding], step: float = 1.0) -> list[tuple[Finding, ...]]:
    """After a first sample without findings, what is shown after each of these."""
    watch = Watch()
    watch.update(NOW, ())
    return [watch.update(NOW + timedelta(seconds=step * (n + 1)), found) for n, found in enumerate(samples)]


def keys(shown: Sequence[tuple[Finding, ...]]) -> list[list[str]]:
    return [[finding.key for finding in found] for found in shown]


def test_a_metric_that_is_bad_for_one_sample_raises_no_alarm() -> None:
    watch = Watch()
    seen = [Status.OK, Status.WARNING, Status.OK, Status.CRITICAL, Status.WARNING, Status.WARNING, Status.UNKNOWN]
    told = [watch.lasting(one) for one in seen]
    assert told == [
        Status.OK,
        Status.OK,
        Status.OK,
        Status.OK,
        Status.WARNING,
        Status.WARNING,
        Status.UNKNOWN,
    ]
    assert Watch().lasting(Status.CRITICAL) is Status.CRITICAL


def test_once_is_chance_twice_of_three_is_shown() -> None:
    assert keys(watched([one()], [], [])) == [[], [], []]
    assert keys(watched([one()], [one()])) == [[], ["long-queries"]]
    assert keys(watched([one()], [], [one()])) == [[], [], ["long-queries"]]
    assert keys(watched([one()], [], [], [one()])) == [[], [], [], []]


def test_slots_that_are_gone_are_shown_at_once() -> None:
    assert keys(watched([one("server-slots", CRITICAL)])) == [["server-slots"]]
    assert keys(watched([one("role-limit:web", CRITICAL)])) == [["role-limit:web"]]
    assert keys(watched([one("server-slots", WARNING), one("lock-pile-up:1", CRITICAL)])) == [[]]


def test_the_first_sample_is_shown_as_it_is() -> None:
    watch = Watch()
    assert keys([watch.update(NOW, [one()])]) == [["long-queries"]]


def test_it_stays_for_a_while_and_says_since_when() -> None:
    shown = watched([one()], [one()], [], [], [], [one()], [], [], [], [], [], [one()])
    assert [bool(found) for found in shown] == [False, *[True] * 8, False, False, False]
    assert {finding.since for found in shown for finding in found} == {NOW + timedelta(seconds=1)}


def test_one_slow_sample_without_it_is_not_enough_to_go() -> None:
    slow = keys(watched([one()], [one()], [], [one()], [], [], step=30))
    assert slow == [[], ["long-queries"], ["long-queries"], ["long-queries"], ["long-queries"], []]


def test_who_comes_back_after_it_was_gone_begins_anew() -> None:
    shown = watched([one()], [one()], *([[]] * 6), [one()], [one()])
    assert shown[-1][0].since == NOW + timedelta(seconds=9)


def test_words_follow_at_once_and_urgency_falls_slowly() -> None:
    loud, quiet = one(severity=CRITICAL, sentence="20"), one(severity=WARNING, sentence="9")
    shown = watched([loud], [loud], [quiet], [quiet], [quiet], [quiet], [quiet])
    assert [found[0].sentence for found in shown[1:]] == ["20", "9", "9", "9", "9", "9"]
    assert [found[0].severity for found in shown[1:]] == [CRITICAL] * 5 + [WARNING]
    up = watched([quiet], [quiet], [loud])
    assert up[-1][0].severity is CRITICAL


def test_the_most_urgent_first_then_what_stops_more_then_who_is_there_for_longer() -> None:
    old, new = one("pool-waiting:b:1"), one("pool-waiting:a:1")
    others = [one("not-visible", NOTICE), one("lock-pile-up:3"), one("server-slots", CRITICAL)]
    shown = watched([old], [old, new, *others], [old, new, *others])
    assert keys(shown[-1:]) == [
        ["server-slots", "lock-pile-up:3", "pool-waiting:b:1", "pool-waiting:a:1", "not-visible"]
    ]


def test_the_cause_of_a_full_server_comes_before_it() -> None:
    full, cause = one("server-slots", CRITICAL), one("idle-in-transaction", CRITICAL, explains="server-slots")
    assert keys(watched([full, cause], [full, cause])[-1:]) == [["idle-in-transaction", "server-slots"]]


def test_after_a_loss_nothing_is_remembered_but_since_when_what_is_still_there() -> None:
    watch = Watch()
    watch.update(NOW, [one("server-slots", CRITICAL), one("long-queries", CRITICAL)])
    watch.steady(NOW, Forecast(Limit("server", "", 20, 97), 90, 60, 120, 40.0, 60))
    back = NOW + timedelta(seconds=2)
    (still,) = watch.update(back, [one("long-queries"), one("leak:a/b")], returned=True)
    assert (still.key, still.severity, still.since) == ("long-queries", WARNING, NOW)
    assert watch.steady(back, None) is None


def test_a_clock_that_goes_back_starts_anew_and_the_same_sample_changes_nothing() -> None:
    watch = Watch()
    watch.update(NOW, [one()])
    assert watch.update(NOW, []) == watch.shown != ()
    assert keys([watch.update(NOW - timedelta(seconds=60), [one("server-slots")])]) == [["server-slots"]]


samples = st.lists(
    st.sets(st.sampled_from(["server-slots", "long-queries", "leak:a/b", "lock-pile-up:1"])), max_size=40
)


@given(samples, st.sampled_from([0.5, 1.0, 10.0]))
def test_nothing_flickers(found: Sequence[set[str]], step: float) -> None:
    """Whatever comes and goes: what is shown stays for a while, and what was never found is never shown."""
    shown = keys(watched(*([one(key) for key in sorted(sample)] for sample in found), step=step))
    for key in {key for sample in found for key in sample}:
        spells = "".join("x" if key in sample else " " for sample in shown).split()
        inside = [spell for spell in spells[:-1] if spell]
        assert all(len(spell) * step >= GONE_AFTER for spell in inside)
    assert {key for sample in shown for key in sample} <= {key for sample in found for key in sample}
