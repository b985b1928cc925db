"""What the world does to the program: servers that die, text that bites, windows that shrink."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgheadroom.demo.servers.cluster import Cluster
from servers import Sessions, hang_up
from terminal.emulator import Terminal


def test_a_server_that_dies_and_comes_back(
    new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]
) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo())
    cluster.kill()
    terminal.wait_for("STALE").wait_for_match(r"✗ \w+")
    # The last data stays, and the keys go on working.
    terminal.wait_for("SLOTS")
    terminal.press("2").wait_for("SESSIONS").wait_without("HOGS").wait_for("STALE")
    terminal.press("?").wait_for("Capital letters act")
    terminal.press("Esc", "1").wait_for("STATES")
    cluster.start()
    terminal.wait_without("STALE", seconds=60)
    assert terminal.press("q").wait() == 0


def test_every_screen_says_why_it_is_stale(
    new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]
) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo())
    cluster.stop("immediate")
    terminal.wait_for("STALE")
    for number, title in ((2, "SESSIONS"), (3, "LOCK WAITS"), (4, "POOLS")):
        terminal.press(str(number)).wait_for(f"▸ {title}").wait_without("HOGS")
        terminal.wait_for("✗ ")
        terminal.press("1").wait_for("HOGS")


def test_it_ends_at_once_while_the_server_is_away(
    new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]
) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo())
    cluster.stop("immediate")
    terminal.wait_for("STALE").press("q")
    assert terminal.wait(10) == 0


BITES = (
    "\x1b]0;bitten\x07",  # sets the window's title
    "\x1b[31;1337mbitten",  # colours
    "\x9b31;1338mbitten",  # the same with the 8-bit introducer
    "\x1b]52;c;Yml0dGVu\x07",  # fills the clipboard
    "\x1bP+q\x1b\\",
    "\u202ebitten\u202c",  # turns the text round
    "[/red][bold]",
)


@pytest.fixture
def biting(one_server: Cluster, superuser: "psycopg.Connection[Any]") -> "Iterator[list[psycopg.Connection[Any]]]":
    """Sessions whose role, application and query try to drive the terminal."""
    role = f"eve{''.join(BITES[:2])}"
    superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    opened = []
    for bite in BITES:
        opened.append(psycopg.connect(one_server.conninfo(role, application_name="[/red]"), autocommit=True))
        opened[-1].execute(f"SELECT '{bite}' AS bite, 'bitten'".encode())
    opened[-1].execute("SELECT 1\n" + "--\n" * 1000 + "AS last_of_a_thousand_lines")
    yield opened
    hang_up(*opened)
    superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_nothing_of_the_servers_text_drives_the_terminal(
    one_server: Cluster, biting: "list[psycopg.Connection[Any]]", monitor: Callable[..., Terminal]
) -> None:
    terminal = monitor(one_server.conninfo(), columns=200, lines=50)
    terminal.wait_for("[/red]").wait_for("eve")
    terminal.press("2").wait_for("SESSIONS").wait_for("[/red]")
    for _ in biting:
        terminal.press("j").pump(0.1)
        terminal.press("Enter").wait_for_match(r"SESSION \d+").pump(0.2)
        terminal.press("Esc").wait_for("▸ SESSIONS").wait_without("TIMEOUTS AT LOGIN")
    terminal.press("K").wait_for("Terminate 1 session").press("Esc").press("q")
    assert terminal.wait() == 0
    output = bytes(terminal.output)
    for forbidden in (b"\x1b]0;", b"\x1b]52;", b"\x1b[31;1337m", b"\xc2\x9b", b"\xe2\x80\xae", b"\x1bP"):
        assert forbidden not in output


def test_a_window_that_shrinks_and_grows(
    one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    sessions(5, application_name="shop")
    terminal = monitor(one_server.conninfo(), columns=120, lines=40).wait_for("LOCK WAITS")
    terminal.resize(60, 15)
    terminal.wait_for("SLOTS").wait_for("HOGS").wait_without("LOCK WAITS")
    terminal.wait_until(lambda: "pane" in terminal.footer, "the keys in the last line")
    terminal.resize(20, 5)
    terminal.wait_until(lambda: len(terminal.lines) == 5 and "SLOTS" in terminal.screen(), "the gauge in 20x5")
    terminal.press("2").wait_for("5").press("?").pump(0.3)
    terminal.press("Esc").pump(0.3)
    for key in ("3", "4", "5", "6", "Tab", "j", "Enter", "Esc", "/", "x", "Esc", "B", "Esc", "p", "p", "1"):
        terminal.press(key).pump(0.1)
    terminal.wait_for_match("SLOTS|HOGS")
    terminal.resize(200, 60)
    terminal.wait_for("LOCK WAITS").wait_for("STATES").wait_for("shop")
    assert terminal.press("q").wait() == 0
