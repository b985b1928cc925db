"""Attempts to connect that begin before there is an event loop."""

import threading
from contextlib import suppress

import psycopg

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from pgheadroom.live.source import LiveSource
from pgheadroom.model.refusal import RefusedBy
from pgheadroom.postgres.ahead import Ahead
from servers import Roles, wait_until


async def entered(conninfo: str, ahead: Ahead) -> tuple[str, int]:
    """What came of the first round with these attempts ahead of it, and how many attempts there were in all."""
    source = LiveSource(conninfo, ahead=ahead)
    try:
        await source.open()
        return "", source.reconnection.attempts.doors.attempts
    except NoConnection as refused:
        return str(refused), source.reconnection.attempts.doors.attempts
    finally:
        await source.close()


async def test_who_is_in_before_the_event_loop_runs_is_not_asked_again(one_server: Cluster, role: Roles) -> None:
    role("early", limit=1)
    conninfo = one_server.conninfo("early", tcp=True)
    ahead = Ahead(conninfo, read_only=False, again=True)
    wait_until(lambda: ahead.over, "let in")
    assert await entered(conninfo, ahead) == ("", 1)  # the only slot of the role is taken already
    wait_until(lambda: all(thread.name != "ahead" for thread in threading.enumerate()), "its thread has ended")


async def test_a_door_without_room_is_tried_until_the_event_loop_takes_over(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    conninfo = one_server.conninfo("narrow", tcp=True)
    ahead = Ahead(conninfo, read_only=False, again=True)
    wait_until(lambda: ahead.attempts > 3, "several attempts")
    said, attempts = await entered(conninfo, ahead)
    assert 'too many connections for role "narrow"' in said
    assert attempts == ahead.attempts  # each is told, and none is made twice
    assert ahead.refused == {RefusedBy.ROLE: attempts}


async def test_whatever_else_the_door_says_it_is_asked_once(one_server: Cluster) -> None:
    conninfo = one_server.conninfo("nobody_of_this_name", tcp=True)
    ahead = Ahead(conninfo, read_only=False, again=True)
    said, attempts = await entered(conninfo, ahead)
    assert "does not exist" in said
    assert attempts == ahead.attempts == 1


def test_attempts_that_nobody_takes_over_end_by_themselves(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    ahead = Ahead(one_server.conninfo("narrow", tcp=True), read_only=False, again=False)
    wait_until(lambda: ahead.over, "one attempt, and no more")
    assert ahead.attempts == 1


def test_what_a_command_does_not_use_in_the_end_is_given_back(one_server: Cluster, role: Roles) -> None:
    role("early", limit=1)
    conninfo = one_server.conninfo("early", tcp=True)
    ahead = Ahead(conninfo, read_only=False, again=False)
    wait_until(lambda: ahead.over, "let in")
    ahead.leave()
    wait_until(lambda: lets_in(conninfo), "the only slot of the role is free again")


def lets_in(conninfo: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(conninfo).close()
        return True
    return False
