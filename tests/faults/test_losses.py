"""The server ends our session, or all of them: what is seen meanwhile, and when we are back."""

import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import Sessions, fetch
from terminal.emulator import Terminal

WIDE = {"columns": 160, "lines": 40}
OURS = "FROM pg_stat_activity WHERE application_name = 'pgheadroom'"


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_stopped_and_started(
    new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal], how: str
) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo(), **WIDE)
    cluster.stop(how)
    # The reason at first, then that nobody is there any more; the last data stays.
    terminal.wait_for_match(r"✗ .*(administrator|shuts down|nobody listens)").wait_for("STALE")
    terminal.wait_for_match(r"✗ .*nobody listens there.* for \d+s · try \d")
    assert "SLOTS" in terminal.screen()
    cluster.start()
    terminal.wait_for_match(r"back after \d+s; the server was restarted", seconds=20).wait_without("STALE")
    terminal.wait_without("✗")


def test_a_crash_of_another_session_ends_ours(
    new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]
) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo(), **WIDE)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as victim:
        terminal.wait_for("SLOTS 2/")
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        terminal.wait_for_match(r"back after \d+s; the server had crashed, every session was ended", seconds=20)
    terminal.wait_without("STALE").wait_for("SLOTS 1/")


def test_somebody_terminates_our_session(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", monitor: Callable[..., Terminal]
) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE)
    superuser.execute(f"SELECT pg_terminate_backend(pid) {OURS}".encode())
    terminal.wait_for_match(r"back after \ds: our session was terminated by an administrator")
    terminal.wait_without("STALE")
    assert fetch(superuser, f"SELECT count(*) {OURS}") == 1


def test_somebody_cancels_our_questions(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    """Again and again, as a script does that cancels whatever it finds."""
    terminal = monitor(one_server.conninfo(), "-i", "0.2", **WIDE)
    pid = fetch(superuser, f"SELECT pid {OURS}")
    (script,) = sessions(1)
    script.pgconn.send_query(b"DO $$ BEGIN LOOP PERFORM pg_cancel_backend(%d); END LOOP; END $$" % pid)
    terminal.wait_for("STALE").wait_for_match(r"✗ .*canceling statement due to user request")
    assert "SLOTS" in terminal.screen()
    script.cancel_safe()
    while script.pgconn.get_result() is not None:
        pass
    terminal.wait_without("STALE").wait_without("✗")
    # The connection was never given up.
    assert fetch(superuser, f"SELECT pid {OURS}") == pid
