"""Findings that need the time before: leaks, storms, what is full soon."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pasts import at, moment, past, unused
from pgheadroom.analysis import Memory, analyse
from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.findings.storms import WINDOW
from samples import many, session, waiter
from strategies import snapshots
from sure import sure

PLAIN = Thresholds()


def told(samples: Sequence[Snapshot], thresholds: Thresholds = PLAIN) -> dict[str, Finding]:
    return {finding.key: finding for finding in analyse(samples[-1], thresholds, past(samples)).findings}


# --- leaks ------------------------------------------------------------------------------------------------------------


def leaking(seconds: int, first: int = 12, every: int = 10, **given: Any) -> list[Snapshot]:
    """`first` sessions that are used once and forgotten, and one more every `every` seconds."""
    crowd = [unused(10 + n, -120 + n / 10, **given) for n in range(first)]
    crowd += [unused(200 + n, every * (n + 1), **given) for n in range(seconds // every)]
    return [
        at(second, [one for one in crowd if sure(one.backend_start) <= moment(second)])
        for second in range(0, seconds + 1, 2)
    ]


def test_sessions_that_only_rise_and_are_never_used_again() -> None:
    found = told(leaking(60))["leak:web/checkout"]
    assert found.sentence == "web/checkout leaks: 12 to 18 sessions in 1m00s, 16 idle and unused"
    assert found.evidence[0] == "6 were opened while others from the same address stood unused"
    assert "16 were used once and never again" in found.evidence[1]
    assert "1m00s ago it had 12; since then" in found.evidence[2]
    assert (sure(found.proposal).verb, sure(found.proposal).filter) == (
        Verb.TERMINATE,
        "user=web app=checkout state:idle age>1m",
    )
    assert found.severity is Severity.NOTICE  # there are many slots left
    assert found.slots == 18


def test_a_leak_that_fills_the_server_comes_before_what_it_brings_about() -> None:
    samples = leaking(300, first=52, every=10)
    found = analyse(samples[-1], PLAIN, past(samples)).findings
    assert [one.family for one in found][:2] == ["leak", "server-slots"]
    assert found[0].explains
    assert found[0].severity == found[1].severity


def test_a_leak_and_a_pile_up_at_once() -> None:
    """Who waits for a lock waits now; the leak is the slower trouble."""
    queue = [session(7, State.IDLE_IN_TRANSACTION), *(waiter(n, 7, application="api") for n in range(800, 830))]
    samples = [replace(one, sessions=(*one.sessions, *queue)) for one in leaking(300, first=32)]
    found = analyse(samples[-1], PLAIN, past(samples)).findings
    assert [one.family for one in found][:3] == ["lock-pile-up", "leak", "server-slots"]


def test_without_a_history_there_is_no_leak() -> None:
    assert "leak" not in {one.family for one in analyse(leaking(60)[-1], PLAIN).findings}
    assert "leak" not in {one.family for one in analyse(leaking(60)[-1], PLAIN, past(leaking(60)[-1:])).findings}


def test_a_crowd_that_stands_idle_but_does_not_grow_is_no_leak() -> None:
    crowd = [unused(n, -600 + n) for n in range(40)]
    assert "leak:web/checkout" not in told([at(second, crowd) for second in range(0, 120, 2)])


def test_an_application_that_starts_is_no_leak() -> None:
    """It opens its pool at once, and has not used it yet."""
    crowd = [unused(n, 1 + n / 10) for n in range(40)]
    samples = [at(second, [one for one in crowd if sure(one.backend_start) <= moment(second)]) for second in range(120)]
    assert "leak:web/checkout" not in told(samples)


def test_sessions_that_are_used_in_turn_are_no_leak() -> None:
    """More come while others stand idle, but those are taken up again."""
    samples = []
    for second in range(0, 120, 2):
        count = 20 + second // 10
        crowd = [
            session(n, State.IDLE, backend_start=moment(n - 200), state_change=moment(second - (n + second) % 15))
            for n in range(count)
        ]
        samples.append(at(second, crowd))
    assert "leak:web/checkout" not in told(samples)


def test_a_pool_that_renews_its_connections_is_no_leak() -> None:
    """Each is closed after a while and another one opened, though nobody uses them at night."""
    samples = []
    for second in range(0, 400, 5):
        first = second // 20
        samples.append(at(second, [unused(n, -200 + 20 * n) for n in range(first, first + 10)]))
    assert "leak:web/checkout" not in told(samples)


def test_several_renewed_at_once_are_no_leak() -> None:
    """Opened together they grow old together; the others stand unused meanwhile, as they do at night."""
    kept = [unused(n, -3000 - n) for n in range(16)]
    samples = []
    for second in range(0, 300, 2):
        old, new = [unused(n, -1800) for n in range(50, 53)], [unused(n, 104) for n in range(60, 63)]
        samples.append(at(second, [*kept, *(old if second < 100 else new if second > 104 else [])]))
    assert "leak:web/checkout" not in told(samples)


def test_a_leak_after_most_were_ended_is_told_again() -> None:
    samples = leaking(120, first=40)
    left = samples[-1].sessions[-6:]
    later = [unused(900 + n, 125 + 12 * n) for n in range(9)]
    samples += [
        at(second, [*left, *(one for one in later if sure(one.backend_start) <= moment(second))])
        for second in range(122, 220, 2)
    ]
    assert told(samples)["leak:web/checkout"].sentence.startswith("web/checkout leaks: 6 to ")


def standing(seconds: int, count: int = 60, used: int = 10) -> list[Snapshot]:
    """A crowd of which all but `used` were left alone since before we looked; those take turns."""
    left = [unused(100 + n, -900 - n) for n in range(count - used)]
    return [
        at(second, [*left, *(session(2000 + n, state_change=moment(second - n)) for n in range(used))])
        for second in range(0, seconds + 1, 2)
    ]


def test_a_leak_from_before_we_looked_is_told_with_what_is_seen() -> None:
    found = told(standing(60))["leak:web/checkout"]
    assert found.sentence == "web/checkout keeps 60 sessions, 50 of them not used in the last 1m00s"
    assert found.evidence[0].startswith("they were there before")
    assert "half of its 50 idle are unused for 16m or longer" in found.evidence[1]
    assert (sure(found.proposal).verb, sure(found.proposal).filter) == (
        Verb.TERMINATE,
        "user=web app=checkout state:idle age>10m",
    )
    assert found.severity is Severity.NOTICE  # the server is half full only
    assert told(standing(60, count=90))["leak:web/checkout"].severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (standing(56), "we have not looked long enough"),
        (standing(60, count=48), "there are slots for more than that"),
        (standing(60, used=25), "many of them are used"),
    ],
    ids=lambda given: given.replace(" ", "-") if isinstance(given, str) else "",
)
def test_a_crowd_that_stands_idle_is_not_told_where(samples: Sequence[Snapshot], why: str) -> None:
    assert "leak:web/checkout" not in told(samples)


def breathing(cycle: int, seconds: int, step: int = 2) -> list[Snapshot]:
    """20 sessions that stand by; in each cycle 30 more come one after the other, work, and are closed at once."""
    kept = [unused(n, -3000 - n) for n in range(20)]
    samples = []
    for second in range(0, seconds, step):
        begun, opened = second - second % cycle, cycle * 0.7 / 30
        came = [
            session(
                100 + 1000 * begun + n,
                State.ACTIVE if n % 2 else State.IDLE,
                backend_start=moment(begun + n * opened),
                state_change=moment(begun + n * opened + 1),
                query_start=moment(begun + n * opened),
            )
            for n in range(30)
            if n * opened <= second % cycle
        ]
        samples.append(at(second, [*kept, *came]))
    return samples


@pytest.mark.parametrize(("cycle", "seen"), [(20, 0), (60, 2), (180, 2)])
def test_a_pool_that_breathes_is_no_leak(cycle: int, seen: int) -> None:
    """At 20 seconds at no time; a slow one looks like a leak until it has given back what it had, twice."""
    samples = breathing(cycle, 4 * cycle)
    for end in range(4 + seen * cycle // 2, len(samples), max(3, cycle // 20)):
        assert "leak:web/checkout" not in told(samples[: end + 1]), end


def test_the_start_of_an_application_is_not_part_of_its_leak() -> None:
    crowd = [unused(n, 2 + n / 40) for n in range(40)] + [unused(200 + n, 10 + 6 * n) for n in range(20)]
    samples = [at(second, [one for one in crowd if sure(one.backend_start) <= moment(second)]) for second in range(36)]
    assert "leak:web/checkout" not in told(samples[:20])
    found = told([*samples, *(at(second, [one for one in crowd if sure(one.backend_start) <= moment(second)])
                              for second in range(36, 60))])["leak:web/checkout"]  # fmt: skip
    assert found.sentence.startswith("web/checkout leaks: 40 to 48 sessions")


def test_what_falls_in_between_is_no_leak() -> None:
    """It gave back a third of what it had: what it opens afterwards is its own business."""
    samples = leaking(120)
    fallen = [one for one in samples[-1].sessions if one.pid % 3][:-1]
    later = [unused(900, 121), unused(901, 132)]
    samples += [
        at(second, [*fallen, *(one for one in later if sure(one.backend_start) <= moment(second))])
        for second in range(122, 150, 2)
    ]
    assert "leak:web/checkout" in told(leaking(120))
    assert "leak:web/checkout" not in told(samples)


def test_opening_from_another_address_is_not_needless() -> None:
    """A process elsewhere cannot use the idle connections of this one."""
    samples = []
    for second in range(0, 121, 2):
        crowd = [unused(n, -100 + n / 10) for n in range(10)]
        crowd += [unused(50 + n, 10 * n + 1, client=f"10.0.9.{n}") for n in range(second // 10)]
        samples.append(at(second, crowd))
    assert "leak:web/checkout" not in told(samples)


def test_server_connections_of_a_pool_are_not_the_applications() -> None:
    samples = leaking(60)
    servers = tuple(
        ServerConnection("shop", "web", "idle", "10.0.0.1", 5432, 40_000, one.pid, "", "", "")
        for one in samples[-1].sessions
    )
    bouncer = PgBouncer("b", servers=servers)
    pooled = [replace(sample, pgbouncers=(bouncer,)) for sample in samples]
    assert "leak:web/checkout" not in told(pooled)


# --- storms -----------------------------------------------------------------------------------------------------------


def coming_and_going(seconds: int, each_second: int, life: int = 1, **given: Any) -> list[Snapshot]:
    """So many sessions a second, of which each lives `life` seconds."""
    samples = []
    for second in range(seconds):
        crowd = [
            session(1000 * start + n, backend_start=moment(start), user="lambda", application="fn", **given)
            for start in range(max(0, second - life + 1), second + 1)
            for n in range(each_second)
        ]
        samples.append(at(second, [*many(10), *crowd]))
    return samples


def test_sessions_that_come_and_go_in_great_number() -> None:
    found = told(coming_and_going(20, 15))["reconnect-storm"]
    assert found.sentence == "lambda/fn opens 15 sessions a second, half live under 1s"
    assert found.evidence[0] == f"165 came and 165 went in {WINDOW + 1:.0f}s; 15 are there now"
    assert found.severity is Severity.WARNING
    assert sure(found.proposal).filter == "user=lambda app=fn"
    assert found.sql.startswith("ALTER ROLE lambda CONNECTION LIMIT ")
    assert found.remedy.startswith("Limit its role (H, or pgheadroom hold --user lambda) so that the others get in")
    assert told(coming_and_going(20, 60))["reconnect-storm"].severity is Severity.CRITICAL


def test_a_storm_is_seen_in_the_third_sample() -> None:
    assert "reconnect-storm" in told(coming_and_going(3, 20))


@pytest.mark.parametrize(("each_second", "life"), [(5, 1), (15, 30)])
def test_few_or_long_lived_sessions_are_no_storm(each_second: int, life: int) -> None:
    assert "reconnect-storm" not in told(coming_and_going(20, each_second, life))


def test_an_application_that_starts_is_no_storm() -> None:
    crowd = many(80)
    assert "reconnect-storm" not in told([at(0), at(1, crowd[:40]), at(2, crowd)])


# --- soon full --------------------------------------------------------------------------------------------------------


def rising(seconds: int, more_a_minute: float = 20) -> list[Snapshot]:
    return [
        at(second, [*many(40), *many(int(second * more_a_minute / 60), 5000, user="batch", application="import")])
        for second in range(0, seconds, 2)
    ]


def test_what_will_be_full_soon_names_what_grows() -> None:
    found = told(rising(90))["filling-soon"]
    assert found.severity is Severity.CRITICAL
    assert found.sentence.startswith("Server full in about 85 s (")
    assert found.sentence.endswith(": 69 of 97, +20.0 a minute")
    assert found.evidence[1] == "+29 batch/import"
    assert sure(found.proposal).filter == "user=batch app=import"
    assert told(rising(60, 6)) == {}


def test_time_left_is_a_metric_where_there_is_a_history() -> None:
    samples = rising(90)
    metrics = {one.metric: one for one in analyse(samples[-1], PLAIN, past(samples)).health}
    left = metrics["seconds_until_full"]
    assert (left.status, left.warning, left.critical, left.less_is_worse) == ("CRITICAL", 600, 120, True)
    assert left.value == pytest.approx(84, abs=6)
    calm = [at(second, many(5)) for second in range(60)]
    metrics = {one.metric: one for one in analyse(calm[-1], PLAIN, past(calm)).health}
    assert (metrics["seconds_until_full"].status, metrics["seconds_until_full"].value) == ("OK", None)
    assert "seconds_until_full" not in {one.metric for one in analyse(calm[-1], PLAIN).health}


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(snapshots(), st.sampled_from([0.2, 1.0, 30.0])), min_size=1, max_size=6))
def test_any_samples_one_after_the_other_are_judged(steps: list[tuple[Snapshot, float]]) -> None:
    memory, second = Memory(PLAIN), 0.0
    ever: set[str] = set()
    for sample, step in steps:
        second += step
        sample = replace(sample, taken_at=moment(second))
        seen = memory.take(sample)
        ever |= {one.key for one in analyse(sample, PLAIN, seen.past).findings}
        assert {one.key for one in seen.findings} <= ever
        assert all(sure(one.since) <= sample.taken_at for one in seen.findings)
        for metric in seen.health:
            assert metric.value is not None or metric.status in {"UNKNOWN", "OK"}
        assert seen.steps()[0].key == "door"
