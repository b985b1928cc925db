"""A standby that becomes the primary, and a primary that comes back as a standby."""

from collections.abc import Callable

import psycopg

from pgheadroom.demo.servers.cluster import Cluster
from servers import fetch, standby_of
from terminal.emulator import Terminal
from wire import Wire

WIDE = {"columns": 160, "lines": 40}


def test_promotion_while_we_watch(new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]) -> None:
    """Without a primary: it only waits for one, and serves readers."""
    cluster = new_cluster()
    cluster.stop()
    cluster.ground.write(cluster.data / "standby.signal", "")
    cluster.start()
    terminal = monitor(cluster.conninfo(), "-i", "0.2", **WIDE).wait_for_match(r"PostgreSQL \S+ standby ")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as reader:
        assert fetch(reader, "SELECT pg_is_in_recovery()")
        assert fetch(reader, "SELECT pg_promote(wait => true, wait_seconds => 20)")
        terminal.wait_for_match(r"PostgreSQL \S+ primary ")
        # The same connection, and nothing was lost on the way.
        terminal.wait_for("SLOTS 2/")
        assert "back after" not in terminal.screen()
        assert "STALE" not in terminal.screen()
        reader.execute("CREATE ROLE newcomer LOGIN")
        with psycopg.connect(cluster.conninfo("newcomer"), autocommit=True):
            terminal.wait_for_match(r"newcomer .* 1 ").wait_for("SLOTS 3/")


def test_demotion(new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo(), **WIDE).wait_for_match(r"PostgreSQL \S+ primary ")
    cluster.stop()
    terminal.wait_for("STALE")
    cluster.ground.write(cluster.data / "standby.signal", "")
    cluster.start()
    terminal.wait_for_match(r"back after \d+s; the server was restarted; now a standby", seconds=20)
    terminal.wait_for_match(r"PostgreSQL \S+ standby ").wait_for("SLOTS 1/").wait_without("STALE")


def test_failover_to_a_standby(
    new_cluster: Callable[..., Cluster], wire_to: Callable[[Cluster], Wire], monitor: Callable[..., Terminal]
) -> None:
    """What a virtual address does: the same address, another server, a standby that was promoted."""
    primary = new_cluster()
    standby = standby_of(primary, "failover")
    standby.start()
    try:
        line = wire_to(primary)
        terminal = monitor(line.conninfo(), **WIDE).wait_for_match(r"PostgreSQL \S+ primary ")
        line.leads_to(standby.port)
        primary.stop("immediate")
        terminal.wait_for_match(r"back after \d+s; another server answers \(failover\); now a standby", seconds=20)
        with psycopg.connect(standby.conninfo(), autocommit=True) as reader:
            assert fetch(reader, "SELECT pg_promote(wait => true, wait_seconds => 20)")
        terminal.wait_for_match(r"PostgreSQL \S+ primary ").wait_without("STALE")
    finally:
        standby.stop("immediate")
