"""Rights that end while the monitor runs, or that it never had."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, fetch
from terminal.emulator import Terminal

WIDE = {"columns": 160, "lines": 40}
SCRAM = "local all postgres trust\nhost all postgres 127.0.0.0/8 trust\nhost all all 127.0.0.0/8 scram-sha-256\n"


def end_of(superuser: "psycopg.Connection[Any]", role: str) -> None:
    """Its session ends, as when the link does."""
    superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,))


# --- rights that end -------------------------------------------------------------------------------------------------


def test_pg_monitor_is_revoked(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    monitor: Callable[..., Terminal],
) -> None:
    role("watcher", member_of=["pg_monitor"])
    sessions(4, user=role("web"))
    terminal = monitor(one_server.conninfo("watcher"), "-i", "0.2", **WIDE)
    terminal.wait_for_match(r"SLOTS 6/").wait_for_match(r"idle +5 ")
    superuser.execute("REVOKE pg_monitor FROM watcher")
    terminal.wait_for_match(r"Role watcher cannot see other roles' sessions: counts are estimates")
    terminal.wait_for_match(r"SLOTS ≈6/").wait_for_match(r"hidden +5 ")
    # Nobody can say that there is none.
    terminal.wait_until(lambda: " 0 idle" not in terminal.screen(), "no zero where nothing is known")
    terminal.press("t").wait_for("GRANT pg_monitor TO watcher;")
    superuser.execute("GRANT pg_monitor TO watcher")
    terminal.press("1").wait_for_match(r"SLOTS 6/", seconds=15).wait_without("≈").wait_for_match(r"idle +5 ")
    terminal.wait_without("counts are estimates", seconds=15)


def test_a_dropped_role_goes_on_until_it_has_to_come_back(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", monitor: Callable[..., Terminal]
) -> None:
    superuser.execute("CREATE ROLE passing LOGIN IN ROLE pg_monitor")
    terminal = monitor(one_server.conninfo("passing", tcp=True), "-i", "0.2", **WIDE)
    pid = fetch(superuser, "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgheadroom'")
    superuser.execute("DROP ROLE passing")
    # Long enough for the names to be read again: the session lives on, with no rights.
    terminal.wait_for("cannot see other roles' sessions")
    assert fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid) == 1
    terminal.wait_for_match(r"SLOTS ≈2/").pump(5.5)
    assert "STALE" not in terminal.screen()
    superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
    terminal.wait_for_match(r'✗ .*role "passing" does not exist').wait_for("has been dropped or renamed")


def test_the_role_may_not_log_in_any_more(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, monitor: Callable[..., Terminal]
) -> None:
    role("watcher", member_of=["pg_monitor"])
    terminal = monitor(one_server.conninfo("watcher", tcp=True), columns=80, lines=24)
    superuser.execute("ALTER ROLE watcher NOLOGIN")
    end_of(superuser, "watcher")
    terminal.wait_for_match(r"✗ .*not permitted").wait_for("ALTER ROLE watcher LOGIN;")
    terminal.press("2").wait_for("▸ SESSIONS").wait_for("ALTER ROLE watcher LOGIN;").wait_for("STALE")
    superuser.execute("ALTER ROLE watcher LOGIN")
    terminal.wait_without("STALE", seconds=15).wait_without("may not log in")


def test_the_password_is_changed(
    new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal], environment: dict[str, str], tmp_path: Path
) -> None:
    cluster = new_cluster(hba=SCRAM)
    passwords = tmp_path / ".pgpass"
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE watcher LOGIN PASSWORD 'old sesame' IN ROLE pg_monitor")
        passwords.write_text("*:*:*:watcher:old sesame\n")
        passwords.chmod(0o600)
        terminal = monitor(cluster.conninfo("watcher", tcp=True), **WIDE)
        superuser.execute("ALTER ROLE watcher PASSWORD 'new sesame'")
        end_of(superuser, "watcher")
        terminal.wait_for_match(r'✗ .*password authentication failed for user "watcher"')
        terminal.wait_for("The password was accepted before: it has been changed").wait_for("~/.pgpass")
        passwords.write_text("*:*:*:watcher:new sesame\n")
        terminal.wait_without("STALE", seconds=15).wait_for_match(r"back after \d+s")
    assert "sesame" not in terminal.output.decode()


def test_pg_hba_conf_keeps_us_out(new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]) -> None:
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        terminal = monitor(cluster.conninfo("watcher", tcp=True), **WIDE)
        hba = cluster.data / "pg_hba.conf"
        allowed = hba.read_text()
        hba.write_text("local all all trust\n")
        superuser.execute("SELECT pg_reload_conf()")
        end_of(superuser, "watcher")
        terminal.wait_for_match(r"✗ .*no pg_hba.conf entry").wait_for("no longer lets this role in from here")
        hba.write_text(allowed)
        superuser.execute("SELECT pg_reload_conf()")
        terminal.wait_without("STALE", seconds=15)


# --- rights that there never were ------------------------------------------------------------------------------------


def test_an_ordinary_role(
    one_server: Cluster, sessions: Sessions, role: Roles, monitor: Callable[..., Terminal]
) -> None:
    role("plain")
    idle = sessions(5, user=role("web"))
    idle[0].execute("BEGIN")
    terminal = monitor(one_server.conninfo("plain"), columns=80, lines=24)
    terminal.wait_for_match(r"SLOTS ≈7/").wait_for_match(r"hidden +6 ")
    terminal.wait_for("Role plain cannot see other roles' sessions")
    # In the table of states there are the hidden ones and our own; nothing claims that nobody is idle.
    states = [line for line in terminal.lines if " idle" in line and "HOGS" not in line]
    assert not any(line.split()[-3:-1] == ["0", "0%"] for line in states), states
    terminal.press("2").wait_for("▸ SESSIONS").wait_for("hidden")
    terminal.press("t").wait_for("As a superuser: GRANT pg_monitor TO plain;")
    terminal.wait_for("estimate")


def test_sessions_that_do_not_tell_what_they_do(
    one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    """track_activities is off for some, as a superuser may set it for a role or a database."""
    sessions(3, options="-c track_activities=off", application_name="dark")
    sessions(2, application_name="shop")
    terminal = monitor(one_server.conninfo(), **WIDE).wait_for_match(r"disabled +3 ")
    terminal.wait_for("3 sessions without a state: track_activities is off for them")
    terminal.press("2").wait_for("▸ SESSIONS").wait_for("disabled")
