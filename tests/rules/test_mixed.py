"""Several troubles at once: what stops work now, and is cured by the fewest, comes first; a cause before its effect."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pasts import at, moment, past, unused
from pgheadroom.analysis import Analysis, analyse
from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Status
from pgheadroom.model.hold import Grip, HeldKind, Hold
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session, State
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.findings.registry import findings
from pgheadroom.rules.verdict.health import overall
from samples import NOW, many, pool, roles, session, waiter
from sure import sure

PLAIN = Thresholds()
LEFT_OPEN: dict[str, Any] = {"state": State.IDLE_IN_TRANSACTION}


def families(samples: Sequence[Snapshot]) -> list[str]:
    return [one.family for one in analyse(samples[-1], PLAIN, past(samples)).findings]


def leaking(first: int, **given: Any) -> list[Snapshot]:
    """An application that forgot `first` sessions, and one more every ten seconds of the last two minutes."""
    crowd = [unused(2000 + n, -120 + n / 10, **given) for n in range(first)]
    crowd += [unused(2500 + n, 10 * (n + 1), **given) for n in range(12)]
    return [
        at(second, [one for one in crowd if sure(one.backend_start) <= moment(second)]) for second in range(0, 121, 2)
    ]


def joined(samples: Sequence[Snapshot], sessions: Sequence[Session], **given: Any) -> list[Snapshot]:
    """The samples with these sessions besides, who are as long in their state in each of them."""

    def then(one: Session, taken_at: datetime) -> Session:
        return one._replace(state_change=sure(one.state_change) + (taken_at - NOW))

    return [
        replace(one, sessions=(*one.sessions, *(then(other, one.taken_at) for other in sessions)), **given)
        for one in samples
    ]


def queue(count: int, root: int = 7) -> list[Session]:
    return [session(root, **LEFT_OPEN, user="deploy"), *(waiter(n, root, user="api") for n in range(800, 800 + count))]


def coming_and_going(seconds: int, each_second: int, life: int = 1) -> list[Snapshot]:
    """Sessions of which each lives `life` seconds."""
    crowd = [
        session(
            3000 + second * each_second + n,
            backend_start=moment(second + n / each_second),
            state_change=moment(second + n / each_second),
            user="lambda",
            application="fn",
        )
        for second in range(-life, seconds)
        for n in range(each_second)
    ]
    return [
        at(second, [one for one in crowd if 0 <= (moment(second) - sure(one.backend_start)).total_seconds() < life])
        for second in range(seconds)
    ]


# --- a leak and a lock pile-up ----------------------------------------------------------------------------------------


def test_a_pile_up_stops_work_now_and_needs_one_session_ended() -> None:
    samples = joined(leaking(40), queue(30))
    assert families(samples)[:3] == ["lock-pile-up", "leak", "server-slots"]


def test_a_few_that_wait_for_a_lock_come_after_a_server_that_nobody_gets_into() -> None:
    samples = joined(leaking(78), queue(6))
    assert families(samples)[:3] == ["leak", "server-slots", "lock-pile-up"]


# --- a role at its limit and a leak -----------------------------------------------------------------------------------


def test_a_leak_that_reaches_its_roles_limit_is_why_and_its_cure_is_that_of_both() -> None:
    given = {"user": "billing", "application": "billing-api"}
    samples = joined(leaking(18, **given), many(20), roles=roles(Role("billing", False, 30)))
    found = analyse(samples[-1], PLAIN, past(samples)).findings
    assert [one.family for one in found][:2] == ["leak", "role-limit"]
    assert (found[0].explains, found[0].severity) == ("role-limit", Severity.CRITICAL)


def test_a_role_at_its_limit_comes_before_the_leak_of_another() -> None:
    samples = joined(leaking(40), many(20, user="reports"), roles=roles(Role("reports", False, 20)))
    found = analyse(samples[-1], PLAIN, past(samples)).findings
    assert [one.family for one in found][:2] == ["role-limit", "leak"]
    assert found[1].explains == ""


def test_what_explains_a_limit_does_not_come_before_a_full_server() -> None:
    """Nobody gets in at all: that the leaking role could not anyway is the smaller trouble."""
    given = {"user": "billing", "application": "billing-api"}
    samples = joined(leaking(18, **given), many(67, user="other"), roles=roles(Role("billing", False, 30)))
    assert families(samples)[:3] == ["server-slots", "leak", "role-limit"]


# --- a saturated pool and open transactions ---------------------------------------------------------------------------


def saturated(sessions: Sequence[Session]) -> list[Snapshot]:
    kept = many(6, 100, **LEFT_OPEN, user="web", database="shop")
    servers = tuple(
        ServerConnection("shop", "web", "active", "10.0.0.1", 5432, 40_000, one.pid, "", "", "") for one in kept
    )
    waiting = pool(cl_waiting=20, maxwait=9, sv_active=6, size=6)
    bouncer = PgBouncer("b", pools=(waiting,), servers=servers)
    return [at(second, [*kept, *sessions], pgbouncers=(bouncer,)) for second in range(3)]


def test_who_waits_for_a_pool_waits_now_and_open_transactions_elsewhere_do_not_press() -> None:
    assert families(saturated(many(20, 700, **LEFT_OPEN, user="payment")))[:2] == [
        "pool-waiting",
        "idle-in-transaction",
    ]


def test_open_transactions_that_fill_the_server_come_first() -> None:
    found = families(saturated(many(85, 700, **LEFT_OPEN, user="payment")))
    assert found[:3] == ["idle-in-transaction", "server-slots", "pool-waiting"]


def test_a_pile_up_that_holds_a_pools_servers_is_why_its_clients_wait() -> None:
    """One session ended cures both; the full server needs many."""
    behind = [one._replace(user="web", database="shop") for one in queue(6)]
    bouncer = saturated([])[0].pgbouncers[0]
    servers = tuple(one._replace(remote_pid=pid) for one, pid in zip(bouncer.servers, range(800, 806), strict=True))
    given = {"pgbouncers": (replace(bouncer, servers=servers),)}
    found = analyse((samples := joined(leaking(78), behind, **given))[-1], PLAIN, past(samples)).findings
    assert [one.family for one in found][:4] == ["lock-pile-up", "leak", "server-slots", "pool-waiting"]
    assert found[0].explains == "pool-waiting"
    assert found[3].remedy.startswith("Its servers wait for a lock")


# --- a storm and long queries -----------------------------------------------------------------------------------------


def long_queries(count: int) -> list[Session]:
    return many(count, 10, state=State.ACTIVE, since=400, user="reports")


def test_a_storm_that_fills_the_server_comes_before_long_queries() -> None:
    samples = joined(coming_and_going(20, 80), long_queries(12))
    assert families(samples)[:3] == ["reconnect-storm", "server-slots", "long-queries"]


def test_a_storm_and_a_few_long_queries() -> None:
    assert families(joined(coming_and_going(20, 20), long_queries(6)))[:2] == ["reconnect-storm", "long-queries"]


def test_a_storm_tells_how_many_live_shorter_than_a_sample() -> None:
    samples = coming_and_going(20, 20)
    counted = [
        replace(one, session_totals=SessionTotals(50 * second, 0, 2 * second, 0)) for second, one in enumerate(samples)
    ]
    (storm,) = (one for one in analyse(counted[-1], PLAIN, past(counted)).findings if one.family == "reconnect-storm")
    assert "the server counts 50 new sessions a second in all" in storm.evidence[1]
    assert "2.0 ended by an error" in storm.evidence[1]
    assert storm.evidence[2] == "about 30 a second of them live shorter than a sample: no list shows them"


# --- a role that is held back -----------------------------------------------------------------------------------------


def held(limit_since: int, seconds: int = 30) -> list[Snapshot]:
    """A storm whose role got a limit that holds from second `limit_since`, as the samples know it."""
    samples = coming_and_going(seconds, 12)
    limited = roles(Role("lambda", False, 12))
    return [replace(one, roles=limited) if n >= limit_since else one for n, one in enumerate(samples)]


def test_a_storm_that_runs_against_a_limit_set_meanwhile_is_held_back() -> None:
    found = {one.family: one for one in analyse(held(10)[-1], PLAIN, past(held(10))).findings}
    assert set(found) == {"reconnect-storm", "role-limit"}
    assert {one.severity for one in found.values()} == {Severity.NOTICE}
    assert found["reconnect-storm"].sentence.endswith("; its limit holds it back")
    assert "held to 12" in found["role-limit"].sentence
    assert found["role-limit"].sql == "ALTER ROLE lambda CONNECTION LIMIT -1;"
    assert overall(analyse(held(10)[-1], PLAIN, past(held(10))).health) is Status.OK


def test_a_hold_that_was_written_down_is_known_after_a_restart_and_letting_go_is_offered_once_it_is_calm() -> None:
    samples = held(0)
    since = samples[-1].taken_at - timedelta(minutes=3)
    hold = Hold("1", HeldKind.ROLE, 4711, "lambda", Grip(40), Grip(12), since, "dba", "jump")

    def told(these: list[Snapshot]) -> dict[str, Finding]:
        seen = Analysis(these[-1], PLAIN, past(these), (hold,))
        return {one.family: one for one in findings(seen)}

    found = told(samples)
    assert {one.severity for one in found.values()} == {Severity.NOTICE}
    assert found["reconnect-storm"].sentence.endswith("; held since 3m00s")
    assert "held to 12 since 3m00s" in found["role-limit"].sentence
    assert found["role-limit"].sql == "ALTER ROLE lambda CONNECTION LIMIT 40;"
    limited = roles(Role("lambda", False, 12))
    quiet = [at(second, many(2, 10, user="lambda"), roles=limited) for second in range(0, 330, 3)]
    assert told(quiet[:50]) == {}
    assert "L lets it go" in told(quiet)["role-limit"].remedy
    hold = replace(hold, after=Grip(12, False), before=Grip(40, True))
    closed = [at(second, (), roles=roles(Role("lambda", False, 12, login=False))) for second in range(0, 330, 3)]
    assert told(closed)["role-limit"].sentence == ("Role lambda is held by NOLOGIN since 7m58s, and the server is calm")
    assert told(closed)["role-limit"].sql == "ALTER ROLE lambda CONNECTION LIMIT 40 LOGIN;"
    hold = replace(hold, since=closed[-1].taken_at)
    assert told(closed) == {}  # it was calm before it was held, too


def test_a_limit_that_was_there_before_we_looked_refuses_people() -> None:
    found = {one.family: one for one in analyse(held(0)[-1], PLAIN, past(held(0))).findings}
    assert found["role-limit"].severity is Severity.CRITICAL
    assert (found["reconnect-storm"].severity, found["reconnect-storm"].explains) == (Severity.CRITICAL, "role-limit")
    assert overall(analyse(held(0)[-1], PLAIN, past(held(0))).health) is Status.CRITICAL
    assert analyse(held(10)[-1], PLAIN).findings[0].severity is Severity.CRITICAL  # nothing is known of the time before
