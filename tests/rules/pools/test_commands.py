"""Which commands a PgBouncer can be given, and what is said about each before."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncers import bouncer, client, database, linked, settings
from pgheadroom.model.bouncer import BouncerClient, PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.rules.pools.commands import consequence, forbidden, offered, resume_of
from pgheadroom.words.text import safe
from samples import pool

PAUSED, DISABLED = (database(paused=True),), (database(disabled=True),)
POOLS = (
    pool(cl_active=20, cl_waiting=2, sv_active=3, sv_idle=2),
    pool(user="batch", cl_active=1, sv_used=1),
    pool(database="logs", cl_active=50, sv_active=9),
)


def command(verb: str, name: str = "shop", who: BouncerClient | None = None) -> BouncerCommand:
    return BouncerCommand(BouncerVerb(verb), name, who)


def says(verb: str, **given: Any) -> str:
    return consequence(command(verb), bouncer(**{"pools": POOLS, **given}))


def test_who_is_no_administrator_commands_nothing() -> None:
    for admin in (False, None):
        watched = bouncer(admin=admin)
        assert offered(watched, "shop") == ()
        assert forbidden(command("RELOAD", ""), watched) == "our user is not in admin_users"


def test_a_look_alike_is_not_commanded() -> None:
    assert "Odyssey" in forbidden(command("PAUSE"), bouncer(product="Odyssey 1.4"))


def test_nothing_is_commanded_blindly() -> None:
    assert forbidden(command("KILL"), bouncer(trouble="no answer for 3.0 s", age=3.0)).endswith("no answer for 3.0 s")
    assert forbidden(command("KILL"), bouncer(age=None))


def test_what_is_offered_is_what_makes_sense_now() -> None:
    def verbs(**given: Any) -> set[str]:
        return {one.verb.value for one in offered(bouncer(**given), "shop")}

    assert verbs() == {"PAUSE", "DISABLE", "RECONNECT", "KILL"}
    assert verbs(databases=PAUSED) == {"RESUME", "DISABLE", "RECONNECT", "KILL"}
    assert verbs(databases=DISABLED) == {"PAUSE", "ENABLE", "RECONNECT", "KILL"}
    assert verbs(state=PoolerState.PAUSED) == {"DISABLE", "RECONNECT"}
    assert offered(bouncer(), "nowhere") == ()


def test_a_resume_of_everything() -> None:
    everything = BouncerCommand(BouncerVerb.RESUME)
    assert forbidden(everything, bouncer(state=PoolerState.PAUSED)) == ""
    assert forbidden(everything, bouncer(state=PoolerState.UNKNOWN)) == ""
    assert forbidden(everything, bouncer(state=PoolerState.ACTIVE)) == "PgBouncer is not paused"
    assert forbidden(command("KILL", ""), bouncer()) == "KILL needs a database"
    assert resume_of(command("KILL")) == command("RESUME")


@pytest.mark.parametrize(("version", "refused"), [("1.23.1", True), ("1.24.0", False), ("1.25.2", False)])
def test_kill_client_came_with_1_24(version: str, refused: bool) -> None:
    who = client(17)
    watched = bouncer(version=version, clients=(who,))
    assert bool(forbidden(command("KILL_CLIENT", "", who), watched)) is refused


def test_a_client_that_left_is_not_killed() -> None:
    assert forbidden(command("KILL_CLIENT", "", client(17)), bouncer(clients=(client(18),))) == "this client has left"
    assert forbidden(command("KILL_CLIENT", ""), bouncer())
    assert forbidden(command("KILL_CLIENT", "", client(1, id=None)), bouncer(clients=(client(1, id=None),)))


def test_kill_says_whom_it_cuts_and_that_the_database_stays_paused() -> None:
    assert says("KILL") == (
        "Cuts 23 clients and closes 6 server connections at once, 3 of them in use: open transactions are rolled back. "
        "shop stays paused until RESUME: clients that come back wait."
    )


def test_pause_says_whom_it_holds_and_what_it_waits_for() -> None:
    assert says("PAUSE", config=settings(query_wait_timeout="120")) == (
        "Holds 23 clients of shop until RESUME; who waits longer than 120 s (query_wait_timeout) is cut. "
        "It closes 6 server connections, each of the 3 in use when its client has let go of it. "
        "It is for the whole database: 22 clients of web, 1 of batch."
    )
    idle = (pool(cl_active=2, sv_idle=2),)
    assert says("PAUSE", pools=idle) == (
        "Holds 2 clients of shop until RESUME. It closes 2 server connections at once."
    )
    session = (pool(cl_active=1, sv_active=1, mode="session"),)
    assert says("PAUSE", pools=session).endswith(
        "the 1 in use when its client has left (session mode). Until then it does not come about: after 30 s it is "
        "taken back."
    )


def test_resume() -> None:
    assert says("RESUME") == "Lets shop go on: 2 clients wait now."
    stuck = (pool(cl_waiting=1),)
    assert says("RESUME", pools=stuck, config=settings(server_login_retry="15")) == (
        "Lets shop go on: 1 client waits now. They may have to wait 15 s more (server_login_retry)."
    )
    assert consequence(BouncerCommand(BouncerVerb.RESUME), bouncer(pools=POOLS)).startswith("Lets all of PgBouncer go")


def test_the_others() -> None:
    assert says("DISABLE") == (
        "Refuses new clients of shop until ENABLE; the 23 clients connected now stay. "
        "It is for the whole database: 22 clients of web, 1 of batch."
    )
    assert says("DISABLE", pools=()) == "Refuses new clients of shop until ENABLE; nobody is connected now."
    assert says("ENABLE") == "Lets new clients of shop in again."
    assert says("RECONNECT") == (
        "Closes the 6 server connections of shop and opens new ones as they are needed; "
        "3 in use are closed when let go. No client is cut."
    )
    assert says("RELOAD").startswith("b1 reads its configuration files again; nobody is cut.")


def test_kill_client_says_whose_transaction_ends() -> None:
    who, serving = linked(17)
    watched = bouncer(clients=(who,), servers=(serving,))
    assert consequence(command("KILL_CLIENT", "", who), watched) == (
        "Cuts the client web@shop from 10.0.0.7, and closes its server connection (backend 117): "
        "an open transaction is rolled back."
    )
    idle = client(2, address="unix")
    assert consequence(command("KILL_CLIENT", "", idle), watched) == (
        "Cuts the client web@shop from the Unix socket; it uses no server connection now."
    )


@given(st.sampled_from(BouncerVerb), st.text(), st.text(), st.booleans())
def test_whatever_is_said_is_safe_to_show(verb: BouncerVerb, name: str, user: str, used: bool) -> None:
    who = client(1, user=user, database=name, address=user, link="0x51" if used else "")
    watched = replace(
        bouncer(name=user, databases=(database(name),), clients=(who,)), pools=(pool(database=name, user=user),)
    )
    one = BouncerCommand(verb, "", who) if verb is BouncerVerb.KILL_CLIENT else BouncerCommand(verb, name)
    for words in (consequence(one, watched), forbidden(one, watched), forbidden(one, bouncer(databases=()))):
        assert safe(words) == words
