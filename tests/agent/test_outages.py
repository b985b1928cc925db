"""The agent through the troubles of its server, while three scrape it all the time."""

import asyncio
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from pgheadroom.agent.collector import Exposition
from pgheadroom.agent.serving import Pages, Server
from pgheadroom.agent.watched import Watched
from pgheadroom.agent.web_config import WebConfig
from pgheadroom.cli import main
from pgheadroom.demo.servers.cluster import TRUST_SOCKET, Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.thresholds import Thresholds
from servers import PATIENCE, Sessions, fetch, frozen, wait_until

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
END_OURS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"


class Scrapers:
    """Three that scrape on and on, each as soon as it has its answer.

    Attributes:
        served: How many answers there were.
        latest: The newest of them.
    """

    def __init__(self, address: str) -> None:
        self.served, self.latest = 0, ""
        self._address = address
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._scrape) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _scrape(self) -> None:
        while not self._over.wait(0.1):
            with urllib.request.urlopen(self._address, timeout=PATIENCE) as answer:
                self.latest = answer.read().decode()
            self.served += 1

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def until(self, *series: str) -> None:
        """Wait until an answer has all of them, and go on to be answered then."""
        wait_until(lambda: all(f"\npgheadroom_{one}" in self.latest for one in series), f"{series} are scraped")
        before = self.served
        wait_until(lambda: self.served > before + 6, "they are served as before")


@pytest.fixture
def scraped(new_cluster: Callable[..., Cluster]) -> Iterator[tuple[Cluster, Scrapers]]:
    """A server that asks the agent for its password, and those who scrape the agent."""
    cluster = new_cluster(hba=TRUST_SOCKET + "host all all 127.0.0.1/32 scram-sha-256\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE watcher LOGIN PASSWORD 'sesame' IN ROLE pg_monitor")
        superuser.execute("CREATE ROLE web LOGIN")
    source = LiveSource(cluster.conninfo("watcher", tcp=True, password="sesame"), interval=0.2, read_only=True)
    watched = Watched("t", source, Thresholds(), 5)
    pages = Pages(Exposition(watched.families).scrape, lambda: watched.ready, lambda _: {})
    server = Server(("127.0.0.1", 0), pages, WebConfig())
    server.start()
    over, loop = asyncio.Event(), asyncio.new_event_loop()

    async def watch() -> None:
        running = asyncio.create_task(watched.run())
        await over.wait()
        running.cancel()
        await asyncio.wait({running})

    agent = threading.Thread(target=loop.run_until_complete, args=(watch(),))
    agent.start()
    with closing(Scrapers(f"http://127.0.0.1:{server.server_address[1]}/metrics")) as scrapers:
        yield cluster, scrapers
    loop.call_soon_threadsafe(over.set)
    agent.join(PATIENCE)
    loop.close()
    server.stop()


UP, DOWN = 'up{target="t"} 1.0', 'up{target="t"} 0.0'


def because(reason: str) -> str:
    return f'down_reason{{reason="{reason}",target="t"}} 1.0'


def test_who_scrapes_never_waits_and_the_server_has_one_session_of_ours_at_most(
    scraped: tuple[Cluster, Scrapers], capsys: pytest.CaptureFixture[str]
) -> None:
    cluster, scrapers = scraped
    scrapers.until(UP)
    superuser: psycopg.Connection[Any] = psycopg.connect(cluster.conninfo(), autocommit=True)
    _full(cluster, superuser, scrapers)
    assert fetch(superuser, OURS) == 1

    superuser.execute("ALTER ROLE watcher PASSWORD 'another'")
    superuser.execute(END_OURS)
    scrapers.until(DOWN, because("login"), 'status{target="t"} 3.0')
    assert fetch(superuser, OURS) <= 1  # one that is asked for its password
    # A check over a connection of its own is not let in either, and says why.
    assert main(["check", "--timeout", "60s", cluster.conninfo("watcher", tcp=True, password="sesame")]) == 3
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("UNKNOWN - ")
    assert 'password authentication failed for user "watcher"' in said
    assert "sesame" not in said
    superuser.execute("ALTER ROLE watcher PASSWORD 'sesame'")
    scrapers.until(UP)
    assert fetch(superuser, OURS) == 1

    with frozen(cluster):
        scrapers.until(DOWN, because("silence"), 'slots_usable{target="t"}')
    scrapers.until(UP)
    assert fetch(superuser, OURS) == 1

    superuser.close()
    cluster.stop()
    scrapers.until(DOWN, because("down"))
    cluster.start()
    scrapers.until(UP)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        assert fetch(superuser, OURS) == 1


def _full(cluster: Cluster, superuser: "psycopg.Connection[Any]", scrapers: Scrapers) -> None:
    """Others take every ordinary slot, ours too, and give them back."""
    crowd = Sessions(cluster)
    crowd.fill("web")

    def taken_by_others() -> bool:
        superuser.execute(END_OURS)
        try:
            crowd(1, "web")
        except psycopg.OperationalError:
            return False  # ours was quicker
        left: int = fetch(superuser, OURS)
        return left == 0

    wait_until(taken_by_others, "no slot is left for the agent")
    full = 'door_refusals_total{limit="reserve",target="t"} '
    scrapers.until(DOWN, because("no_room"), 'no_room{limit="reserve",target="t"} 1.0', 'status{target="t"} 2.0', full)
    assert f"\npgheadroom_{full}0.0" not in scrapers.latest
    crowd.close_all()
    scrapers.until(UP)
