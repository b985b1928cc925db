"""Getting slots back with the keys, start to finish."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, fetch, wait_until
from terminal.emulator import Terminal

WIDE = {"columns": 160, "lines": 50}


@pytest.fixture
def table(superuser: "psycopg.Connection[Any]") -> Iterator[str]:
    superuser.execute("CREATE TABLE parcels (id int)")
    yield "parcels"
    superuser.execute("DROP TABLE parcels")


@contextmanager
def asking(connections: "Sequence[psycopg.Connection[Any]]", statement: str) -> Iterator[None]:
    """Each asks; the answers are read at the end, and whoever still waits for one is cancelled."""
    for connection in connections:
        connection.pgconn.send_query(statement.encode())
    try:
        yield
    finally:
        for connection in connections:
            connection.cancel_safe()
            while connection.pgconn.get_result() is not None:
                pass


@pytest.fixture
def pile_up(
    superuser: "psycopg.Connection[Any]", sessions: Sessions, table: str
) -> "Iterator[psycopg.Connection[Any]]":
    """A session idle in transaction with a lock, and three that wait for it."""
    (holder,) = sessions(1, application_name="holder")
    waiters = sessions(3, application_name="waiter")
    holder.execute(f"BEGIN; LOCK TABLE {table}")
    with asking(waiters, f"SELECT count(*) FROM {table}"), closing(holder):
        wait_until(lambda: waiting(superuser) == 3, "three wait")
        yield holder


def waiting(superuser: "psycopg.Connection[Any]") -> int:
    return int(fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


def queue_up(kind: str, holder: "psycopg.Connection[Any]", waiters: "Sequence[psycopg.Connection[Any]]") -> None:
    """All behind the holder, or each behind the one before; whoever is let go on is done at once."""
    holder.execute("BEGIN; SELECT pg_advisory_xact_lock(0)")
    for number, waiter in enumerate(waiters):
        if kind == "chain":
            waiter.execute(f"BEGIN; SELECT pg_advisory_xact_lock({number + 1})".encode())
        wanted = number if kind == "chain" else 0
        waiter.pgconn.send_query(f"SELECT pg_advisory_xact_lock({wanted}); COMMIT".encode())
        waiter.pgconn.flush()


def runs(superuser: "psycopg.Connection[Any]", connection: "psycopg.Connection[Any]") -> bool:
    running: int = fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", connection.info.backend_pid)
    return running == 1


def audit_lines(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    path = Path(environment["XDG_STATE_HOME"]) / "pgheadroom" / "actions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_pile_up_dissolved_in_three_keys(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    pile_up: "psycopg.Connection[Any]",
    monitor: Callable[..., Terminal],
    environment: dict[str, str],
) -> None:
    pid = pile_up.info.backend_pid
    terminal = monitor(one_server.conninfo(), **WIDE).wait_for("3 waiting")
    terminal.press("Tab", "K").wait_for("Terminate 1 session?")
    assert str(pid) in terminal.screen()
    assert "holder" in terminal.screen()
    assert runs(superuser, pile_up)  # nothing happens before the answer
    terminal.confirm("Terminate 1 session?")
    wait_until(lambda: not runs(superuser, pile_up), "the holder has ended")
    terminal.wait_for("nobody waits for a lock")
    terminal.wait_for_match(r"(?i)1 (slot|session).*(freed|gone|ended)|terminated 1|1 freed")
    wait_until(lambda: len(audit_lines(environment)) == 2, "two audit lines")
    intended, result = audit_lines(environment)
    assert (intended["event"], result["event"]) == ("intended", "result")
    assert intended["action"] == result["action"]
    assert str(pid) in json.dumps(intended)


@pytest.mark.parametrize("kind", ["chain", "crowd"])
def test_the_root_of_a_pile_up_is_named_first_and_its_enter_frees_all(
    kind: str, one_server: Cluster, new_cluster: Callable[..., Cluster], start: Callable[..., Terminal]
) -> None:
    """Of thousands with PGHEADROOM_TEST_PILE."""
    asked = os.environ.get("PGHEADROOM_TEST_PILE")
    count = int(asked or 6)
    roomy = {"max_connections": count + 20, "deadlock_timeout": "'1h'"}
    cluster = new_cluster(settings=roomy) if asked else one_server
    with ExitStack() as stack:
        users = ["postgres", *["piled"] * (count + 1)]
        connections = (psycopg.connect(cluster.conninfo(user), autocommit=True) for user in users)
        superuser = stack.enter_context(closing(next(connections)))
        superuser.execute("CREATE ROLE piled LOGIN")
        stack.callback(superuser.execute, "DROP ROLE piled")
        holder, *waiters = (stack.enter_context(closing(one)) for one in connections)
        queue_up(kind, holder, waiters)
        wait_until(lambda: waiting(superuser) == count, "all wait")
        terminal = start(cluster.conninfo(), **WIDE).wait_for(f"{count} waiting")
        terminal.press("3").wait_for("LOCK WAITS")
        assert str(holder.info.backend_pid) in terminal.lines[terminal.row_of("LOCK WAITS") + 2]
        terminal.press("6").wait_for(f"{count} session").press("Enter").wait_for("Type 1 and Enter")
        assert str(holder.info.backend_pid) in terminal.screen()
        assert waiting(superuser) == count
        terminal.press("1", "Enter")
        wait_until(lambda: waiting(superuser) == 0, "nobody waits")
        terminal.wait_for("▸ FINDINGS").press("3").wait_for("nobody waits for a lock")


def test_anything_but_y_is_no(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    pile_up: "psycopg.Connection[Any]",
    monitor: Callable[..., Terminal],
    environment: dict[str, str],
) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE).wait_for("3 waiting")
    terminal.press("Tab").wait_for("▸ LOCK WAITS")
    for key in ("n", "Esc", "Enter", "q"):
        terminal.press("K").wait_for("Terminate 1 session?")
        terminal.press(key).wait_without("Terminate 1 session?")
    terminal.pump(0.5)
    assert runs(superuser, pile_up)
    assert audit_lines(environment) == []


def test_a_hog_in_bulk(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    sessions: Sessions,
    role: Roles,
    monitor: Callable[..., Terminal],
    environment: dict[str, str],
) -> None:
    sessions(20, user=role("web"), application_name="hog")
    hogs = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hog'"
    terminal = monitor(one_server.conninfo(), **WIDE).wait_for("hog ")
    terminal.press("B").wait_for("Type 20 and Enter")
    terminal.press("1", "9", "Enter").wait_for("19 is not the number")
    assert fetch(superuser, hogs) == 20
    terminal.press("2", "0", "Enter").wait_without("Type 20")
    wait_until(lambda: fetch(superuser, hogs) == 0, "all are gone")
    terminal.wait_for_match("20 .*(freed|gone|ended)")
    wait_until(lambda: len(audit_lines(environment)) == 2, "two audit lines")


def test_a_cancel_ends_the_query_and_not_the_session(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, on_sessions: Callable[..., Terminal]
) -> None:
    (sleeper,) = sessions(1, application_name="sleeper")
    with asking([sleeper], "SELECT pg_sleep(600)"):
        terminal = on_sessions(one_server.conninfo(), only="app:sleeper", **WIDE).wait_for("pg_sleep")
        terminal.press("C").confirm("Cancel the query of 1 session?")
        state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        wait_until(lambda: fetch(superuser, state, sleeper.info.backend_pid) == "idle", "the query has ended")
    assert sleeper.info.status == psycopg.pq.ConnStatus.OK


def test_marked_sessions(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, on_sessions: Callable[..., Terminal]
) -> None:
    sessions(4, application_name="shop")
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop'"
    terminal = on_sessions(one_server.conninfo(), only="app:shop", **WIDE)
    terminal.press("Space", "Space").wait_for("2 marked")
    terminal.press("K").confirm("Terminate 2 sessions?")
    wait_until(lambda: fetch(superuser, left) == 2, "two are gone")


def test_read_only_has_no_such_keys(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    pile_up: "psycopg.Connection[Any]",
    monitor: Callable[..., Terminal],
    environment: dict[str, str],
) -> None:
    terminal = monitor(one_server.conninfo(), "--read-only", **WIDE).wait_for("3 waiting").wait_for("read-only")
    terminal.press("Tab").wait_for("▸ LOCK WAITS")
    assert not {"K", "C", "B"} & set(terminal.footer.split())
    for key in ("C", "K", "B"):
        terminal.press(key).pump(0.5)
        assert not re.search(r"Terminate|Cancel|PREVIEW", terminal.screen())
        terminal.pump(0.5).press("y").pump(0.2)
    assert runs(superuser, pile_up)
    assert audit_lines(environment) == []


def test_yes_before_the_question_is_no_answer(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    pile_up: "psycopg.Connection[Any]",
    monitor: Callable[..., Terminal],
) -> None:
    """Both keys in one burst, as a bad link delivers them: nobody has seen whom the question is about."""
    terminal = monitor(one_server.conninfo(), **WIDE).wait_for("3 waiting")
    terminal.press("Tab").wait_for("▸ LOCK WAITS")
    terminal.write(b"Ky")
    terminal.wait_for("Terminate 1 session?").pump(0.5)
    assert runs(superuser, pile_up)
