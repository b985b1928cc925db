"""Every key that the footer and the help promise, as a terminal sends it."""

from collections.abc import Callable
from typing import Any

import psycopg

from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, fetch
from terminal.emulator import ESCAPE_ALONE, Terminal

WIDE = {"columns": 160, "lines": 50}


def test_screens_by_number(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo())
    terminal.press("2").wait_for("SESSIONS").wait_without("STATES")
    terminal.press("1").wait_for("STATES").wait_without("SESSIONS")


def test_tab_goes_round_the_panes(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE)
    terminal.wait_for("▸ HOGS")
    for pane in ("LOCK WAITS", "PGBOUNCER", "STATES", "HOGS"):
        terminal.press("Tab").wait_for(f"▸ {pane}")
        terminal.wait_until(lambda: terminal.screen().count("▸ ") == 1, "one pane has the focus")


def test_enter_opens_what_a_row_stands_for(
    one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    sessions(2, application_name="shop")
    terminal = monitor(one_server.conninfo(), **WIDE)
    terminal.wait_for("shop").press("/", "shop", "Enter").wait_without("pgheadroom ")
    terminal.press("Enter").wait_for("SESSIONS")
    terminal.wait_for_match(r"(?s)SESSIONS  /.*app=shop.* 2\n")
    terminal.press("Enter").wait_for("SESSION ").wait_without("SESSIONS")
    terminal.press("Esc").wait_for("SESSIONS")


def test_a_filter_filters_while_one_types(
    one_server: Cluster, sessions: Sessions, on_sessions: Callable[..., Terminal]
) -> None:
    sessions(3, application_name="shop")
    sessions(2, application_name="cron")
    terminal = on_sessions(one_server.conninfo(), **WIDE).wait_for("cron").wait_for("shop")
    terminal.press("/", "cr").wait_without("shop").wait_for("cron")
    terminal.press("on", "Enter").wait_for("SESSIONS  /cron")
    terminal.press("j", "j").wait_for("cron")  # the table has the keys again
    terminal.press("Esc").wait_for("shop")


def test_escape_takes_a_filter_away_while_one_types(
    one_server: Cluster, sessions: Sessions, on_sessions: Callable[..., Terminal]
) -> None:
    sessions(1, application_name="shop")
    terminal = on_sessions(one_server.conninfo(), **WIDE).wait_for("shop")
    terminal.press("/", "nobody-is-called-so").wait_without("shop")
    terminal.press("Esc").wait_for("shop")


def test_grouping(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE)
    for by in ("user", "application", "client", "database", "all"):
        terminal.press("u").wait_for(f"HOGS by {by} ")


def test_sorting_and_the_cursor_stays_with_its_row(
    one_server: Cluster, sessions: Sessions, on_sessions: Callable[..., Terminal]
) -> None:
    first, *_, last = sessions(4, application_name="shop")
    first_pid, last_pid = first.info.backend_pid, last.info.backend_pid
    terminal = on_sessions(one_server.conninfo(), only="app:shop", **WIDE).wait_for(str(last_pid))
    terminal.press("s")  # by pid
    terminal.wait_until(lambda: terminal.row_of(str(first_pid)) < terminal.row_of(str(last_pid)), "sorted upwards")
    terminal.press("G").press("S")
    terminal.wait_until(lambda: terminal.row_of(str(first_pid)) > terminal.row_of(str(last_pid)), "sorted downwards")
    terminal.press("Enter").wait_for(f"SESSION {last_pid}")


def test_pause_freezes_and_goes_on(one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), "-i", "0.2", **WIDE)
    terminal.press("p").wait_for("PAUSED")
    sessions(1, application_name="latecomer")
    terminal.pump(1.0)
    assert "latecomer" not in terminal.screen()
    terminal.press("p").wait_for("latecomer").wait_without("PAUSED")


def test_the_interval(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE)
    terminal.wait_for("every 1s")
    terminal.press("+").wait_for("every 2s")
    terminal.press("-", "-").wait_for_match(r"every (0\.5s|500ms)")


def test_sample_now(one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), "-i", "60s", **WIDE)
    sessions(1, application_name="latecomer")
    terminal.press("r").wait_for("latecomer", seconds=50)


def test_help_opens_and_closes(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE)
    for key, escape in (("?", "Esc"), ("h", "Esc"), ("F1", ESCAPE_ALONE)):
        terminal.press(key).wait_for("Capital letters act")
        terminal.press(escape).wait_without("Capital letters act")


def test_the_palette(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), **WIDE)
    terminal.press(":").wait_for("Search for commands")
    terminal.press("help").wait_for_match(r"(?i)this help|help")
    terminal.press("Esc").wait_without("Search for commands")
    terminal.press(":").wait_for("Search for commands")
    terminal.press("Trends").wait_for("key 5").press("Enter").wait_for("USED SLOTS")


def test_help_names_the_screens(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), columns=80, lines=24)
    terminal.press("2").wait_for("▸ SESSIONS").press("?").wait_for("SCREENS").wait_for("Overview").wait_for("Triage")


def test_what_follows_a_slash_never_acts(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    sessions: Sessions,
    role: Roles,
    on_sessions: Callable[..., Terminal],
) -> None:
    """Over a bad link keys come in bursts: a word that is typed to filter must not end the session under the cursor."""
    (shop,) = sessions(1, user=role("web"), application_name="shop")
    terminal = on_sessions(one_server.conninfo(), only="app:shop", **WIDE)
    terminal.write(b"/Kyoto")
    terminal.pump(1.0)
    assert "Terminate" not in terminal.screen()
    assert "TERMINATE" not in terminal.screen()
    assert fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", shop.info.backend_pid) == 1


def test_what_is_typed_behind_a_screens_key_is_for_that_screen(
    one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    sessions(2, application_name="shop")
    sessions(1, application_name="bill2w")
    terminal = monitor(one_server.conninfo(), **WIDE)
    # In one burst, as over a bad link; the letters would act on the table, and the digit would change the screen.
    terminal.press("2/bill2w").wait_for("SESSIONS  /bill2w").wait_without("shop ")
    terminal.press("\r", "Esc", "3").wait_for("▸ LOCK WAITS").wait_without("HOGS")
    terminal.press("2/bill2w").wait_for("SESSIONS  /bill2w")


def test_digits_in_a_bulk_question_never_change_the_screen(
    one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    sessions(12, application_name="shop")
    terminal = monitor(one_server.conninfo(), **WIDE).wait_for("shop ")
    terminal.press("B12").wait_for("nobody to signal")
    terminal.press("1", "2", "t").pump(0.5)
    assert "v cancel/terminate" in terminal.footer
