"""What stands over a PgBouncer until somebody ends it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bouncers import bouncer, database, linked, server, settings
from pgheadroom.model.bouncer import PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.finding import Severity
from pgheadroom.model.pooler_hold import PoolerHold
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.chain import chains
from pgheadroom.rules.findings.pool_waits import clients_waiting
from pgheadroom.rules.findings.pooler_stands import pooler_stands
from pgheadroom.rules.pools.banners import banners, pause_waits_for
from pgheadroom.rules.verdict.health import health
from samples import pool, snapshot


def told(**given: Any) -> list[tuple[str, BouncerCommand | None]]:
    return [(banner.text, banner.remedy) for banner in banners(bouncer(**given))]


def test_calm() -> None:
    assert told(pools=(pool(cl_active=5, sv_active=2),), state=PoolerState.ACTIVE) == []


def test_a_paused_database_asks_for_resume() -> None:
    pools = (pool(cl_waiting=3, maxwait=12.0), pool(user="batch", cl_waiting=1))
    resume = BouncerCommand(BouncerVerb.RESUME, "shop")
    paused = (database(paused=True),)
    assert told(pools=pools, databases=paused) == [
        ("shop is paused: 4 clients wait, the first for 12s until RESUME", resume)
    ]
    assert told(pools=(pool(sv_active=2),), databases=paused) == [
        ("shop is being paused, 2 servers still open: clients wait until RESUME", resume)
    ]
    # Who may not command it is only told.
    assert told(databases=paused, admin=False)[0][1] is None


def test_a_disabled_database_asks_for_enable() -> None:
    assert told(databases=(database("x\x1by", disabled=True),)) == [
        ("x\ufffdy is disabled: new clients are refused until ENABLE", BouncerCommand(BouncerVerb.ENABLE, "x\x1by"))
    ]


def test_everything_is_stopped() -> None:
    resume = BouncerCommand(BouncerVerb.RESUME)
    (text, remedy) = told(state=PoolerState.PAUSED, pools=(pool(cl_waiting=1),))[0]
    assert (text, remedy) == ("all of PgBouncer is paused: 1 client waits until RESUME", resume)
    (text, remedy) = told(state=PoolerState.SUSPENDED)[0]
    assert (text.split(":")[0], remedy) == ("all of PgBouncer is suspended", resume)


def test_before_1_19_a_pause_of_everything_can_only_be_guessed() -> None:
    waiting = (pool(cl_waiting=2),)
    old = {"version": "1.18.0", "state": PoolerState.UNKNOWN}
    (text, remedy) = told(pools=waiting, **old)[0]
    assert text == "2 clients wait and there is no server connection: paused as a whole, or it cannot log in"
    assert remedy == BouncerCommand(BouncerVerb.RESUME)
    assert told(pools=(pool(cl_waiting=2, maxwait=3.0, sv_active=1),), **old) == []
    assert told(pools=waiting, version="1.25.2", state=PoolerState.ACTIVE) == []


def test_a_full_house() -> None:
    full = {"config": settings(max_client_conn="100")}
    assert told(lists=(("used_clients", 100),), **full) == [
        ("max_client_conn 100 is reached: new clients are refused", None)
    ]
    assert told(lists=(("used_clients", 99),), **full) == []


def test_whom_a_pause_waits_for() -> None:
    (one, first), (two, second) = linked(1), linked(2)
    other = server(3, link="0xc3", database="logs")
    theirs = bouncer(clients=(one, two), servers=(first._replace(quiet=3.0), second._replace(quiet=9.0), other))
    sample = snapshot(pgbouncers=(theirs, bouncer(name="b2", servers=(first,))))
    assert [chain.client for chain in pause_waits_for(chains(sample), theirs, "shop")] == [two, one]


def test_findings_of_what_stands() -> None:
    stopped = bouncer(databases=(database(paused=True), database("logs", disabled=True)))
    silent = bouncer(name="b2", trouble="no answer for 3.0 s", databases=(database(paused=True),))
    found = list(pooler_stands(Case(snapshot(pgbouncers=(stopped, silent)), Thresholds())))
    assert [one.key for one in found] == ["pgbouncer-stands:b1:paused:shop", "pgbouncer-stands:b1:disabled:logs"]
    assert found[0].sentence == "PgBouncer b1: shop is paused: clients wait until RESUME"
    assert found[0].remedy == "If it is not meant to last: RESUME shop."
    watched = bouncer(databases=(database(paused=True),), admin=False)
    (found_by_stats,) = pooler_stands(Case(snapshot(pgbouncers=(watched,)), Thresholds()))
    assert found_by_stats.remedy == "An administrator of PgBouncer can end it on its console."


def test_what_we_hold_is_no_trouble_and_somebody_elses_pause_is() -> None:
    pools = (pool(cl_waiting=12, maxwait=40.0), pool(database="logs", cl_waiting=2, maxwait=40.0))
    stopped = bouncer(pools=pools, databases=(database(paused=True), database("logs", paused=True)))
    sample = snapshot(pgbouncers=(stopped,))
    held_since = sample.taken_at - timedelta(minutes=3)
    ours = PoolerHold(stopped.name, BouncerCommand(BouncerVerb.PAUSE, "shop"), held_since, "dba")
    disabled = PoolerHold(stopped.name, BouncerCommand(BouncerVerb.DISABLE, "logs"), held_since, "dba")
    elsewhere = replace(ours, bouncer="another", command=BouncerCommand(BouncerVerb.PAUSE, "logs"))
    case = Case(sample, Thresholds(), pooler_holds=(ours, disabled, elsewhere))
    held, theirs = pooler_stands(case)
    assert held.severity is Severity.NOTICE
    assert held.sentence.startswith(f"PgBouncer {stopped.name}, held since 3m")
    assert held.remedy == "L lets it go, once its application is mended: RESUME shop."
    assert held.proposal is not None
    assert held.proposal.command == ours.undoing
    assert (theirs.severity, "held" in theirs.sentence) == (Severity.WARNING, False)
    # So are those that wait for it, in findings and in the metrics.
    told = {one.key.split(":")[-1].split("/")[0]: one for one in clients_waiting(case)}
    assert (told["shop"].severity, told["logs"].severity) == (Severity.NOTICE, Severity.CRITICAL)
    assert told["shop"].remedy.startswith("L lets it go")
    assert {one.value for one in health(case) if one.metric == "pool_clients_waiting"} == {2}


def test_each_of_what_stands_is_a_finding_of_its_own_and_says_what_will_show_that_it_ended() -> None:
    """Also for who may not give commands: no remedy tells them apart."""
    full = {"config": settings(max_client_conn="100"), "lists": (("used_clients", 100),)}
    stopped = bouncer(databases=(database(paused=True, disabled=True), database("logs", paused=True)), **full)
    found = list(pooler_stands(Case(snapshot(pgbouncers=(replace(stopped, admin=False),)), Thresholds())))
    assert len({one.key for one in found}) == len(found) == 4
    assert [one.proof for one in found] == [
        "its clients get servers again",
        "new clients are let in again",
        "its clients get servers again",
        "fewer than 100 clients are connected",
    ]


def test_one_of_several_processes_says_so_and_is_no_trouble() -> None:
    shared = bouncer(config=settings(so_reuseport="1"))
    assert "other processes may share this port" in banners(shared)[0].text
    assert list(pooler_stands(Case(snapshot(pgbouncers=(shared,)), Thresholds()))) == []
    assert banners(bouncer(config=settings(so_reuseport="0"))) == ()
