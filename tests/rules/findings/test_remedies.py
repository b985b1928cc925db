"""What a finding offers to press: filters that are ready, that match whom it is about, and that spare the others."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pasts import past
from pgheadroom.analysis import analyse
from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import RUNNING, State
from pgheadroom.model.snapshot import PreparedTransaction, Role, SlotSettings, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.share import limit_that_spares_others
from pgheadroom.rules.filters.language import parse_filter
from pgheadroom.rules.findings.registry import urgency
from pgheadroom.rules.findings.remedies import any_of, old_enough
from pgheadroom.words.text import safe
from samples import NOW, hidden, many, pool, roles, session, snapshot, waiter
from strategies import snapshots
from sure import sure

PLAIN = Thresholds()


def told(sample: Snapshot, thresholds: Thresholds = PLAIN) -> dict[str, Finding]:
    return {finding.key: finding for finding in analyse(sample, thresholds).findings}


def chosen(sample: Snapshot, finding: Finding) -> list[int]:
    return [one.pid for one in parse_filter(sure(finding.proposal).filter).select(sample.sessions, sample.taken_at)]


def test_idle_sessions_of_the_biggest_hog_and_only_those_idle_for_long() -> None:
    old, young = many(60, 100, since=700), many(25, 300, since=3)
    sample = snapshot([*old, *young, *many(5, 600, user="batch", since=9000)])
    remedy = told(sample)["server-slots"]
    assert sure(remedy.proposal).verb is Verb.TERMINATE
    assert sure(remedy.proposal).filter == "user=web app=checkout state:idle age>10m"
    assert chosen(sample, remedy) == [one.pid for one in old]
    assert remedy.sql == "ALTER ROLE web SET idle_session_timeout = '10min';"


def test_what_cannot_be_set_is_not_advised() -> None:
    """Of a role that was dropped nothing can be set; what prepared transaction it is, is known."""
    gone = told(snapshot(many(95, user="oid 16391", since=700), roles=roles(Role("web", False, None))))
    assert "idle_session_timeout" not in gone["server-slots"].remedy
    assert "its role was dropped" in gone["server-slots"].remedy
    held = (PreparedTransaction("order-4711", "batch", "shop"),)
    known = told(snapshot([waiter(n, 0) for n in range(20, 30)], prepared=held))["prepared-transaction"]
    assert "in database shop, as batch" in known.remedy
    assert known.sql == "ROLLBACK PREPARED 'order-4711';"
    assert "run it in database shop, as batch" in known.caution
    several = told(snapshot([waiter(n, 0) for n in range(20, 30)], prepared=held * 2))["prepared-transaction"]
    assert several.sql.startswith("SELECT gid")


def test_who_is_idle_for_moments_only_is_limited_not_ended() -> None:
    """A storm, before it is told from a crowd that stays."""
    remedy = told(snapshot(many(95, since=0.4)))["server-slots"]
    assert (sure(remedy.proposal).verb, remedy.sql) == (None, "ALTER ROLE web CONNECTION LIMIT 57;")


def test_short_queries_are_not_cancelled() -> None:
    remedy = told(snapshot(many(70, state=State.ACTIVE, since=0.2)))["all-active"]
    assert (sure(remedy.proposal).verb, sure(remedy.proposal).filter) == (None, "running")


def test_before_14_there_is_no_timeout_to_set() -> None:
    remedy = told(snapshot(many(95), 130_023))["server-slots"]
    assert (remedy.sql, "timer" in remedy.lasting) == ("", True)


def test_idle_server_connections_of_a_pool_are_left_to_it() -> None:
    crowd = many(95, 100)
    servers = tuple(
        ServerConnection("shop", "web", "idle", "10.0.0.1", 5432, 40_000, one.pid, "", "", "") for one in crowd
    )
    remedy = told(snapshot(crowd, pgbouncers=(PgBouncer("b", servers=servers),)))["server-slots"]
    assert (sure(remedy.proposal).verb, "pool_size" in remedy.lasting) == (None, True)


def test_a_full_server_of_waiters_ends_the_root() -> None:
    sample = snapshot([session(7, State.IDLE_IN_TRANSACTION), *(waiter(n, 7) for n in range(8, 100))])
    found = analyse(sample, PLAIN).findings
    assert [one.key for one in found[:2]] == ["lock-pile-up:7", "server-slots"]
    assert {chosen(sample, one)[0] for one in found[:2]} == {7}
    assert found[0].slots == 93
    assert "it costs 93 slots" in found[0].evidence


def test_a_running_root_is_cancelled_first() -> None:
    sample = snapshot([session(7, State.ACTIVE), *(waiter(n, 7) for n in range(8, 30))])
    assert sure(told(sample)["lock-pile-up:7"].proposal).verb is Verb.CANCEL


def test_all_active() -> None:
    crowd = [*many(70, 100, state=State.ACTIVE, since=90, wait_event_type="IO"), *many(10, 500, state=State.IDLE)]
    sample = snapshot(crowd)
    found = analyse(sample, PLAIN).findings
    assert [one.key for one in found] == ["all-active", "server-slots", "taking-most:web/checkout"]
    busy = found[0]
    assert busy.sentence == "70 sessions of 80 run queries at once; most by web/checkout (70)"
    assert (busy.severity, busy.explains, busy.evidence[0]) == (Severity.WARNING, "server-slots", "70 wait: IO")
    assert (sure(busy.proposal).verb, sure(busy.proposal).filter) == (Verb.CANCEL, "running>1m")
    assert told(snapshot(many(59, 100, state=State.ACTIVE))).get("all-active")
    assert not told(snapshot(many(58, 100, state=State.ACTIVE))).get("all-active")


def test_who_waits_for_a_lock_does_not_run() -> None:
    sample = snapshot([session(7, State.ACTIVE), *(waiter(n, 7) for n in range(8, 100))])
    assert "all-active" not in told(sample)


def test_a_cause_takes_over_the_urgency_of_a_server_that_nears_its_end() -> None:
    sample = snapshot([*many(60, 100, state=State.ACTIVE), *many(36, 500, user="batch")])
    found = analyse(sample, PLAIN).findings
    assert [(one.key, one.severity) for one in found[:2]] == [
        ("all-active", Severity.CRITICAL),
        ("server-slots", Severity.CRITICAL),
    ]


def test_a_full_server_is_told_first_what_gives_slots_back() -> None:
    """A cancel stops queries, and whoever is refused stays refused."""
    sample = snapshot([*many(60, 100, state=State.ACTIVE), *many(37, 500, user="batch", since=30)])
    first, second = analyse(sample, PLAIN).findings[:2]
    assert (first.key, second.key) == ("server-slots", "all-active")
    assert sure(first.proposal).verb is Verb.TERMINATE
    assert chosen(sample, first) == list(range(500, 537))
    busy = snapshot(many(97, 100, state=State.ACTIVE, since=30))
    first = analyse(busy, PLAIN).findings[0]
    assert (first.key, sure(first.proposal).verb, sure(first.proposal).filter) == (
        "server-slots",
        Verb.TERMINATE,
        "running>10s",
    )


def test_one_address_or_one_application_that_takes_most() -> None:
    place = [session(n, user=f"u{n % 3}", application=f"a{n % 5}") for n in range(100, 180)]
    elsewhere = session(500, user="u0", client="10.0.0.8")
    found = told(snapshot([*place, elsewhere]))["taking-most:10.0.0.7"]
    assert found.sentence == "10.0.0.7 alone takes 80 of 97 slots"
    assert sure(found.proposal).filter == "client:10.0.0.7"
    assert found.sql == ""  # three roles come from there: a limit for one of them would hit it alone
    assert not [key for key in told(snapshot(place)) if key.startswith("taking-most")]  # all come from one place
    spread = [session(n, client=f"10.0.0.{n % 7}") for n in range(100, 180)]
    found = told(snapshot(spread))["taking-most:web/checkout"]
    assert found.sentence == "web/checkout alone takes 80 of 97 slots"
    assert found.evidence[0] == "12 from 10.0.0.2"
    assert not [key for key in told(snapshot(many(60))) if key.startswith("taking-most")]  # enough is left


def test_a_limit_is_raised_by_what_the_server_has() -> None:
    sample = snapshot(many(20), roles=roles(Role("web", False, 20)))
    found = told(sample)["role-limit:web"]
    assert found.sql == "ALTER ROLE web CONNECTION LIMIT 40;"
    assert (sure(found.proposal).verb, sure(found.proposal).filter) == (None, "user=web")
    long_idle = told(snapshot([*many(15), *many(5, 500, since=61)], roles=roles(Role("web", False, 20))))
    remedy = sure(long_idle["role-limit:web"].proposal)
    assert (remedy.verb, remedy.filter) == (Verb.TERMINATE, "user=web state:idle age>1m")
    nearly = snapshot([*many(20), *many(52, 3000, user="batch")], roles=roles(Role("web", False, 20)))
    assert told(nearly)["role-limit:web"].sql == "ALTER ROLE web CONNECTION LIMIT 24;"  # no more than below the warning
    full = snapshot([*many(20), *many(77, 3000, user="batch")], roles=roles(Role("web", False, 20)))
    found = told(full)["role-limit:web"]
    assert found.sql == ""
    assert (sure(found.proposal).verb, sure(found.proposal).filter) == (Verb.TERMINATE, "user=web state:idle age>2s")


def test_a_limit_that_spares_the_others() -> None:
    case = Case(snapshot([*many(60), *many(30, 3000, user="batch")]), PLAIN)
    assert limit_that_spares_others(case, "web") == 57 - 30
    growing = PgBouncer("b", pools=(pool(user="batch", size=20, sv_active=10), pool(user="web", size=90, sv_idle=1)))
    assert limit_that_spares_others(replace(case, snapshot=replace(case.snapshot, pgbouncers=(growing,))), "web") == 17
    greedy = PgBouncer("b", pools=(pool(user="batch", size=200, sv_active=10),))
    assert limit_that_spares_others(replace(case, snapshot=replace(case.snapshot, pgbouncers=(greedy,))), "web") == 14
    assert limit_that_spares_others(Case(snapshot(many(97)), PLAIN), "batch") == 1


def test_clients_of_a_pool_whose_servers_are_kept_in_open_transactions() -> None:
    given = {"state": State.IDLE_IN_TRANSACTION, "user": "shop_web", "database": "shop_db"}
    kept = [*many(4, 100, since=45, **given), *many(2, 110, since=20, **given)]
    servers = tuple(
        ServerConnection("shop", "web", "active", "10.0.0.1", 5432, 40_000, one.pid, "", "", "") for one in kept
    )
    waiting = pool(cl_waiting=20, maxwait=9, sv_active=6, size=6)
    sample = snapshot([*kept, *many(9, 500)], pgbouncers=(PgBouncer("b", pools=(waiting,), servers=servers),))
    found = told(sample)["pool-waiting:b:shop/web"]
    assert found.evidence[:2] == ("all 6 servers of pool_size 6 are taken", "its backends: 6 idle in tx, longest 45s")
    assert sure(found.proposal).poolers
    assert chosen(sample, found) == [one.pid for one in kept]  # half would be taken at once by those that wait
    assert found.sql == "ALTER ROLE shop_web SET idle_in_transaction_session_timeout = '10s';"


def test_what_is_counted_is_the_least_there_can_be() -> None:
    crowd = [*many(12, 100, state=State.ACTIVE, since=400), *many(3, 200, state=State.ABORTED, since=99), hidden(5)]
    found = told(snapshot(crowd, exact=False))
    assert found["long-queries"].sentence.startswith("At least 12 queries over")
    assert found["aborted-transactions"].sentence.startswith("At least 3 failed")


def test_thresholds_may_be_a_share_of_the_slots() -> None:
    thresholds = Thresholds.from_mapping({"idle_in_transaction": ["5%", "20%"], "active": [200, 300]})
    crowd = many(5, 100, state=State.IDLE_IN_TRANSACTION)
    assert told(snapshot(crowd), thresholds)["idle-in-transaction"].severity is Severity.WARNING
    assert "idle-in-transaction" not in told(snapshot(crowd[1:]), thresholds)
    assert "all-active" not in told(snapshot(many(95, state=State.ACTIVE)), thresholds)


@pytest.mark.parametrize(
    ("ages", "said"),
    [
        ([4000, 4000, 4000], "age>1h"),
        ([5000, 700, 650, 2, 1], "age>10m"),
        ([20, 15, 12], "age>10s"),
        ([3, 2], "age>2s"),
        ([0.3, 0.9, 8], ""),
        ([], ""),
    ],
)
def test_a_span_that_half_of_them_have_reached(ages: Sequence[float], said: str) -> None:
    sessions = [session(number, since=age) for number, age in enumerate(ages)]
    assert old_enough(Case(snapshot(sessions), PLAIN), sessions) == said


@pytest.mark.parametrize("ages", [[12] * 13 + [8] * 10, [3, 2] * 12, [0.5] * 20, [4000] * 6 + [400] * 6, [700, 400, 5]])
@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("idle-in-transaction", {"state": State.IDLE_IN_TRANSACTION}),
        ("long-queries", {"state": State.ACTIVE}),
        ("client-wait", {"state": State.ACTIVE, "wait_event_type": "Client", "wait_event": "ClientRead"}),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_offered_to_be_ended_is_enough_for_the_finding_to_go(
    key: str, given: dict[str, Any], ages: Sequence[float]
) -> None:
    sample = snapshot([session(number, since=age, **given) for number, age in enumerate(ages)])
    if (found := told(sample).get(key)) is not None:
        ended = chosen(sample, found)
        left = replace(sample, sessions=tuple(one for one in sample.sessions if one.pid not in ended))
        assert ended
        assert key not in told(left)


def test_who_is_not_idle_in_transaction_for_too_long_is_spared_where_they_are_few() -> None:
    ages = [4000, 700, 400, 200]
    sample = snapshot([session(number, State.IDLE_IN_TRANSACTION, since=age) for number, age in enumerate(ages)])
    assert chosen(sample, told(sample)["idle-in-transaction"]) == [0, 1, 2]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True))
def test_names_are_matched_exactly_however_they_are_spelt(names: Sequence[str]) -> None:
    sessions = [session(number, user=name) for number, name in enumerate([*names, "another one", "*", "?x"])]
    found = parse_filter(any_of("user", names)).select(sessions, NOW)
    wanted = {name.casefold() for name in names}
    assert [one.user for one in found] == [one.user for one in sessions if sure(one.user).casefold() in wanted]


small = st.builds(SlotSettings, st.just(12), st.just(2), st.just(0), st.just(2))


@given(st.one_of(snapshots(), snapshots(settings=small)))
def test_every_remedy_can_be_pressed(sample: Snapshot) -> None:
    found = analyse(sample, PLAIN, past([sample])).findings
    assert [urgency(one) for one in found] == sorted(urgency(one) for one in found)
    assert len({one.key for one in found}) == len(found)
    for one in found:
        assert all(safe(text) == text for text in (one.lasting, one.sql, one.proof, *one.evidence))
        assert one.proof
        assert one.slots <= len(sample.sessions) + sample.authenticating + sample.slot_sync_takes_slot
        assert one.sql == "" or one.sql.endswith(";")
        if one.proposal is not None:
            assert safe(one.proposal.label) == one.proposal.label != ""
            matched = parse_filter(one.proposal.filter).select(sample.sessions, sample.taken_at)
            assert one.proposal.verb is None or parse_filter(one.proposal.filter)
            assert one.proposal.verb is not Verb.CANCEL or all(each.state in RUNNING for each in matched)
            assert (
                matched
                or one.proposal.verb is None
                or "age>" in one.proposal.filter
                or "running>" in one.proposal.filter
            )


def test_sentence_and_remedy_name_the_same_hog() -> None:
    """The busiest application has most sessions, another one has most of the idle that the remedy ends."""
    busy = many(30, 100, state=State.ACTIVE, since=5, application="report")
    sample = snapshot(
        [*busy, *many(36, 300, since=60, application="cart"), *many(25, 500, since=60, application="api")]
    )
    found = told(sample)["server-slots"]
    assert "most by web/cart (36)" in found.sentence
    assert "app=cart" in sure(found.proposal).filter
