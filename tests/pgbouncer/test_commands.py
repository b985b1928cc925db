"""Commands: how they are written, and what each does to a real PgBouncer."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bouncers import client
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.errors import UsageError
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandOutcome, CommandResult
from pgheadroom.model.pool import PgBouncer
from pgheadroom.pgbouncer.commands import argument, read_back, shown_by, statement
from pgheadroom.pgbouncer.console import Console
from pgheadroom.pgbouncer.line import Line
from pgheadroom.pgbouncer.table import Table
from servers import freeze, thaw, until, wait_until

Client = psycopg.Connection[Any]
DONE, REFUSED, UNDONE, UNCERTAIN = CommandOutcome


def command(verb: str, name: str = "postgres") -> BouncerCommand:
    return BouncerCommand(BouncerVerb(verb), name)


# How it is written


def test_statements() -> None:
    assert statement(command("PAUSE", "shop")) == "PAUSE shop"
    assert statement(command("KILL", "my-shop")) == 'KILL "my-shop"'
    assert statement(command("RESUME", "")) == "RESUME"
    assert statement(command("RELOAD", "")) == "RELOAD"
    assert statement(BouncerCommand(BouncerVerb.KILL_CLIENT, "", client(17))) == "KILL_CLIENT 17"


@pytest.mark.parametrize(
    "wrong",
    [
        command("KILL", ""),
        command("PAUSE", "pgbouncer"),
        command("RELOAD", "shop"),
        BouncerCommand(BouncerVerb.KILL_CLIENT, "", client(1, id=None)),
        BouncerCommand(BouncerVerb.KILL_CLIENT, "shop", client(1)),
        BouncerCommand(BouncerVerb.KILL_CLIENT, ""),
        BouncerCommand(BouncerVerb.PAUSE, "shop", client(1)),
        command("PAUSE", "a\nb"),
        command("PAUSE", "a\x00b"),
        command("PAUSE", r"m\xfcller"),
        command("PAUSE", "ü" * 31),
        command("PAUSE", "a" * 64),
    ],
    ids=lambda one: f"{one.verb} {one.database[:9]!r}",
)
def test_what_cannot_be_said_safely_is_not_said(wrong: BouncerCommand) -> None:
    with pytest.raises(UsageError):
        statement(wrong)


def as_the_console_reads(words: str) -> tuple[str, str]:
    """`cmd_normal_rx` and `copy_arg` of PgBouncer's src/admin.c."""
    word = r'("(?:[^"]+|"")*"|[0-9a-z_]+)'
    found = re.fullmatch(rf"[ \t\n\r]*{word}(?:[ \t\n\r]+{word})?[ \t\n\r]*(?:;[ \t\n\r]*)?", words, re.IGNORECASE)
    assert found is not None
    name = found[2] or ""
    assert len(name.encode()) < 64
    return found[1], name[1:-1].replace('""', '"') if name.startswith('"') else name


@given(st.one_of(st.text(), st.text("ab\";'\\ -_")))
def test_whatever_the_name_the_console_reads_one_command_about_it(name: str) -> None:
    assume(name)
    try:
        words = f"KILL {argument(name)}"
    except UsageError:
        assume(False)
    assert as_the_console_reads(words) == ("KILL", name)


# What it does


@pytest.fixture
async def console(bouncer: Bouncer) -> AsyncIterator[Console]:
    console = Console(bouncer.console())
    await console.sample()
    yield console
    await console.close()


@pytest.fixture
def clients(bouncer: Bouncer) -> "Iterator[Callable[[], Client]]":
    """Connects clients through the PgBouncer of this test."""
    opened: list[Client] = []

    def connect(**others: Any) -> Client:
        conninfo = bouncer.conninfo("postgres", "postgres", **others)
        opened.append(psycopg.connect(conninfo, autocommit=True, prepare_threshold=None))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


async def seen_after(console: Console) -> PgBouncer:
    """What is seen next; a command has everything read again.

    Of what clients do, the next sample need not tell: a part that was slow to answer is asked for less often. See
    `until` for that.
    """
    seen = await console.sample()
    assert seen.trouble == ""
    return seen


def pids(seen: PgBouncer) -> set[int]:
    return {server.remote_pid for server in seen.servers}


async def others_see_a_pause(bouncer: Bouncer) -> None:
    other = Console(bouncer.console())
    await until(other, paused)
    await other.close()


def paused(seen: PgBouncer) -> bool:
    database = seen.database("postgres")
    assert database is not None
    return database.paused


def asks(connection: Client) -> None:
    connection.pgconn.send_query(b"SELECT 1")
    connection.pgconn.flush()


def answered(connection: Client) -> bool:
    connection.pgconn.consume_input()
    return not connection.pgconn.is_busy()


def consoles_open(bouncer: Bouncer) -> int:
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as connection:
        rows = connection.execute("SHOW CLIENTS", prepare=False).fetchall()
    return len([row for row in rows if row[2] == "pgbouncer"]) - 1


async def test_pause_and_resume(console: Console, clients: Callable[[], Client]) -> None:
    one = clients()
    one.execute("SELECT 1")
    result = await console.run(command("PAUSE"))
    assert (result.outcome, result.message) == (DONE, "paused")
    seen = await seen_after(console)
    assert paused(seen)
    assert seen.servers == ()
    asks(one)
    await until(console, lambda seen: seen.pools[0].cl_waiting == 1)
    assert not answered(one)
    result = await console.run(command("RESUME"))
    assert (result.outcome, result.message) == (DONE, "not paused")
    assert not paused(await seen_after(console))
    wait_until(lambda: answered(one), "the client goes on")


async def test_a_pause_waits_for_a_transaction_and_meanwhile_shows_it(
    console: Console, clients: Callable[..., Client], bouncer: Bouncer
) -> None:
    one = clients(application_name="migration")
    one.execute("BEGIN")
    running = asyncio.create_task(console.run(command("PAUSE"), 20.0))
    seen = await until(console, paused)
    assert not running.done()
    assert seen.trouble == ""
    assert seen.command == command("PAUSE")
    assert paused(seen)
    # Whom it waits for is seen in the console itself, over a connection that took the place of the first.
    assert [one.application for one in seen.clients if one.link] == ["migration"]
    assert consoles_open(bouncer) == 1
    assert (await console.run(command("KILL"))).message == "PAUSE postgres is still under way"
    one.execute("COMMIT")
    assert (await running).outcome is DONE
    seen = await seen_after(console)
    assert (paused(seen), seen.servers, seen.command) == (True, (), None)
    assert (await console.run(command("RESUME"))).outcome is DONE


async def test_a_pause_that_does_not_come_about_in_time_is_taken_back(
    console: Console, clients: Callable[[], Client], bouncer: Bouncer
) -> None:
    one = clients()
    one.execute("BEGIN")
    began = time.monotonic()
    result = await console.run(command("PAUSE"), 1.5)
    assert 1.4 < time.monotonic() - began < 4.0
    assert (result.outcome, result.message) == (
        UNDONE,
        "after 1.5 s 1 of its servers were still in use: taken back with RESUME",
    )
    assert not paused(await seen_after(console))
    one.execute("COMMIT")
    assert clients().execute("SELECT 1").fetchone() == (1,)
    assert consoles_open(bouncer) == 1


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_who_leaves_takes_an_unfinished_pause_back(
    console: Console, bouncer: Bouncer, clients: Callable[[], Client], how: str
) -> None:
    one = clients()
    one.execute("BEGIN")
    running = asyncio.create_task(console.run(command("PAUSE"), 20.0))
    await others_see_a_pause(bouncer)
    if how == "cancel":
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    else:
        await console.close()
        assert (await running).outcome is UNDONE
    other = Console(bouncer.console())
    assert not paused(await seen_after(other))
    await other.close()
    one.execute("COMMIT")
    assert clients().execute("SELECT 1").fetchone() == (1,)


async def test_a_pause_that_somebody_else_takes_back(
    console: Console, clients: Callable[[], Client], bouncer: Bouncer
) -> None:
    clients().execute("BEGIN")
    running = asyncio.create_task(console.run(command("PAUSE"), 20.0))
    await others_see_a_pause(bouncer)
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as other:
        other.execute("RESUME postgres", prepare=False)
    result = await running
    assert (result.outcome, result.message) == (UNDONE, "somebody else has taken it back")


async def test_kill_cuts_all_clients_and_leaves_the_database_paused(
    console: Console, clients: Callable[[], Client]
) -> None:
    one, two = clients(), clients()
    one.execute("BEGIN")
    two.execute("SELECT 1")
    result = await console.run(command("KILL"))
    assert (result.outcome, result.message) == (DONE, "paused")
    seen = await seen_after(console)
    assert paused(seen)
    assert (seen.clients, seen.servers) == ((), ())
    for connection in (one, two):
        with pytest.raises(psycopg.Error, match="database removed"):
            connection.execute("SELECT 1")
    assert (await console.run(command("RESUME"))).outcome is DONE
    assert not paused(await seen_after(console))
    assert clients().execute("SELECT 1").fetchone() == (1,)


async def test_disable_and_enable(console: Console, clients: Callable[[], Client]) -> None:
    one = clients()
    result = await console.run(command("DISABLE"))
    assert (result.outcome, result.message) == (DONE, "disabled")
    database = (await seen_after(console)).database("postgres")
    assert database is not None
    assert database.disabled
    with pytest.raises(psycopg.OperationalError, match="is disabled"):
        clients()
    assert one.execute("SELECT 1").fetchone() == (1,)
    result = await console.run(command("ENABLE"))
    assert (result.outcome, result.message) == (DONE, "not disabled")
    assert clients().execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("verb", "theirs", "told"),
    [
        ("PAUSE", "RESUME", "the database is not paused: somebody else resumed it"),
        ("DISABLE", "ENABLE", "the database is not disabled: somebody else enabled it"),
        ("KILL", "RESUME", "the database is not paused: somebody else resumed it"),
    ],
)
async def test_what_somebody_else_undoes_at_once_is_no_success(
    console: Console, bouncer: Bouncer, monkeypatch: pytest.MonkeyPatch, verb: str, theirs: str, told: str
) -> None:
    give = Line.give

    async def then_they(self: Line, connection: Any, words: str, patience: float) -> bool:
        answered = await give(self, connection, words, patience)
        with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as other:
            other.execute(f"{theirs} postgres".encode(), prepare=False)
        return answered

    monkeypatch.setattr(Line, "give", then_they)
    result = await console.run(command(verb))
    assert (result.outcome, result.message) == (UNDONE, f"it answers OK, but {told}")


def test_a_command_is_read_back_from_the_column_of_that_name_where_there_is_one() -> None:
    done = CommandResult(command("RESUME", "shop"), DONE)
    shown = Table(("paused", "new", "name"), [(b"0", b"1", b"logs"), (b"1", b"0", b"shop")])
    undone = "it answers OK, but the database is paused: somebody else paused it again"
    assert read_back(done, shown) == CommandResult(done.command, UNDONE, undone)
    assert read_back(CommandResult(command("PAUSE", "logs"), DONE), shown).outcome is UNDONE
    assert read_back(done, shown._replace(columns=("stopped", "new", "name"))) == done
    assert read_back(done, shown._replace(rows=[])) == done
    assert shown_by(command("RELOAD", ""), (1, 26)) == shown_by(command("RECONNECT"), (1, 26)) == ""


def test_a_resume_of_everything_is_read_back_from_the_state_where_it_is_told() -> None:
    assert shown_by(command("RESUME", ""), (1, 18)) == ""
    assert shown_by(command("RESUME", ""), (1, 19)) == "STATE"
    done = CommandResult(command("RESUME", ""), DONE)
    paused_again = Table(("key", "value"), [(b"active", b"no"), (b"paused", b"yes"), (b"suspended", b"no")])
    told = "it answers OK, but PgBouncer is paused: somebody else stopped it again"
    assert read_back(done, paused_again) == CommandResult(done.command, UNDONE, told)
    assert read_back(done, paused_again._replace(rows=[])) == done


async def test_reconnect_replaces_the_servers(console: Console, clients: Callable[[], Client]) -> None:
    one, two = clients(), clients()
    one.execute("BEGIN")

    def both_are_open(seen: PgBouncer) -> bool:
        two.execute("SELECT 1")  # again: who has no work for a second is closed
        return len(seen.servers) == 2

    before = pids(await until(console, both_are_open))
    assert (await console.run(command("RECONNECT"))).outcome is DONE
    (left,) = (await until(console, lambda seen: len(seen.servers) == 1)).servers
    assert left.closing
    assert left.remote_pid in before

    def is_replaced(seen: PgBouncer) -> bool:
        one.execute("SELECT 1")
        return pids(seen) != set() and not pids(seen) & before

    one.execute("COMMIT")
    await until(console, is_replaced)


async def test_reload_reads_the_configuration_again(console: Console, bouncer: Bouncer) -> None:
    assert (await console.sample()).limit("default_pool_size") == 3
    ini = bouncer.folder / "pgbouncer.ini"
    ini.write_text(ini.read_text().replace("default_pool_size = 3", "default_pool_size = 7"))
    assert (await console.run(command("RELOAD", ""))).outcome is DONE
    assert (await seen_after(console)).limit("default_pool_size") == 7


async def test_a_resume_of_everything(console: Console, bouncer: Bouncer, clients: Callable[[], Client]) -> None:
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as other:
        other.execute("PAUSE", prepare=False)
    result = await console.run(command("KILL"))
    assert result.outcome is REFUSED
    assert re.fullmatch("already (suspended/)?paused", result.message)  # 1.26 has no SUSPEND
    seen = await seen_after(console)
    result = await console.run(command("RESUME", ""))
    assert (result.outcome, result.message) == (DONE, "active" if seen.version_num >= (1, 19) else "")
    assert clients().execute("SELECT 1").fetchone() == (1,)
    await seen_after(console)
    result = await console.run(command("RESUME", ""))
    assert result.outcome is REFUSED
    # Ours where SHOW STATE tells it (1.19+), else PgBouncer's.
    assert re.fullmatch("PgBouncer is not paused|pooler is not paused/suspended", result.message)


async def test_names_that_want_to_be_more_than_names(new_bouncer: Callable[..., Bouncer], which_server: Any) -> None:
    upstream = f"host={which_server.folder} port={which_server.port} dbname=postgres"
    bouncer = new_bouncer({"postgres": upstream, "*": upstream})
    names = ['x"; KILL postgres', 'PAUSE "postgres"', "it's", "a b-c.d", '""', "ünïcode", "Upper"]
    console = Console(bouncer.console())
    connections = [psycopg.connect(bouncer.conninfo("postgres", name)) for name in [*names, "postgres"]]
    await console.sample()
    for name in names:
        assert (await console.run(command("DISABLE", name))).outcome is DONE
        seen = await seen_after(console)
        assert {one.name for one in seen.databases if one.disabled} == {name}
        assert (await console.run(command("ENABLE", name))).outcome is DONE
        await console.sample()
    seen = await seen_after(console)
    assert {one.name for one in seen.databases} == {*names, "postgres"}
    assert not any(one.paused or one.disabled for one in seen.databases)
    # A name that is not there would be made by "*" on the spot.
    result = await console.run(command("PAUSE", "nowhere"))
    assert (result.outcome, result.message) == (REFUSED, "no database nowhere here")
    assert "nowhere" not in {one.name for one in (await seen_after(console)).databases}
    for connection in connections:
        connection.close()
    await console.close()


async def test_a_stats_user_commands_nothing(bouncer: Bouncer) -> None:
    console = Console(bouncer.console("stats"))
    assert (await console.sample()).admin is False
    for verb in ("PAUSE", "KILL", "DISABLE", "RECONNECT"):
        result = await console.run(command(verb))
        assert (result.outcome, result.message) == (REFUSED, "our user is not in admin_users")
    assert "command issued" not in bouncer.log
    await console.close()


async def test_nothing_is_commanded_unseen(bouncer: Bouncer) -> None:
    console = Console(bouncer.console())
    result = await console.run(command("KILL"))
    assert (result.outcome, result.message) == (REFUSED, "what it would do is not known: nothing was seen yet")
    await console.close()


async def test_a_frozen_pgbouncer_leaves_it_uncertain(
    console: Console, bouncer: Bouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgheadroom.pgbouncer.console.ANSWER_WITHIN", 0.3)
    freeze(bouncer)
    result = await console.run(command("RECONNECT"))
    thaw(bouncer)
    assert (result.outcome, result.message) == (UNCERTAIN, "no answer for 0.3 s")
    assert (await console.sample()).trouble == ""
    assert consoles_open(bouncer) == 1


async def test_kill_client_ends_one_client_and_is_not_known_before_1_24(
    console: Console, clients: Callable[[], Client]
) -> None:
    for connection in (clients(), clients()):
        connection.execute("SELECT 1")
    seen = await seen_after(console)
    victim = seen.clients[0]
    result = await console.run(BouncerCommand(BouncerVerb.KILL_CLIENT, "", victim))
    if seen.version_num < (1, 24):
        assert result.outcome is REFUSED
        assert "1.24" in result.message
        return
    assert result.outcome is DONE
    assert {one.ptr for one in (await seen_after(console)).clients} == {one.ptr for one in seen.clients} - {victim.ptr}
