"""An outage of the demo, the advice for good applied by its keys, and the same outage played once more."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from pgheadroom.demo import scenarios, stage
from pgheadroom.demo.servers.bouncer import HOW_TO_INSTALL, Bouncer, find_pgbouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.installation import installation
from pgheadroom.demo.servers.playground import Playground
from servers import fetch, missing, wait_until
from terminal.emulator import Terminal

USED = """SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
             AND usename <> 'pgheadroom'"""
USABLE = scenarios.MAX_CONNECTIONS - scenarios.SUPERUSER_RESERVED - scenarios.RESERVED


# By scenario: what is advised and applied, in this order.
APPLIED = {
    "idle-leak": (r"CONNECTION LIMIT \d+ for role billing",),
    "idle-in-transaction": (
        r"idle_in_transaction_session_timeout = \d+\w+ for role billing in database shop",
        r"CONNECTION LIMIT \d+ for role billing",
    ),
    "lock-pileup": (
        r"idle_in_transaction_session_timeout = \d+\w+ for role deploy in database shop",
        r"CONNECTION LIMIT \d+ for role billing",
    ),
    "role-limit": (r"CONNECTION LIMIT 12 for role reports",),
    "storm": (r"CONNECTION LIMIT \d+ for role lambda",),
}
CLIENTS = {"reports": 9}
"""Of a role whose limit is raised so that all of them get in."""
PLAYED = APPLIED if os.environ.get("PGHEADROOM_TEST_ALL") else ("idle-leak",)


@dataclass
class Play:
    """A scenario on servers of its own, whose applications can be ended and started again."""

    ground: Playground
    scenario: str
    cluster: Cluster
    bouncer: Bouncer
    crowd: "subprocess.Popen[Any] | None" = None

    def begin(self) -> None:
        before = set(self.ground._children)
        stage.start_applications(self.ground, self.scenario, self.cluster, self.bouncer)
        (number,) = set(self.ground._children) - before
        self.crowd = self.ground._children[number]

    def end(self, superuser: "psycopg.Connection[Any]") -> None:
        """The applications are stopped, and their sessions have ended."""
        assert self.crowd is not None
        assert self.crowd.stdin is not None
        self.ground.release(self.crowd)
        self.crowd.stdin.close()
        self.crowd.wait()
        (self.ground.folder / "from").rename(self.ground.folder / "from before")
        wait_until(lambda: fetch(superuser, f"{USED} AND usename <> 'web'") == 0, "all applications are gone")


@contextmanager
def played(scenario: str) -> Iterator[Play]:
    if find_pgbouncer() is None:
        missing(HOW_TO_INSTALL)
    with Playground() as ground:
        cluster = stage.start_cluster(ground, installation(None))
        bouncer = stage.start_bouncer(ground, cluster, lambda line: None)
        assert bouncer is not None
        play = Play(ground, scenario, cluster, bouncer)
        play.begin()
        yield play


def say_yes(terminal: Terminal) -> None:
    """A yes counts when the question has stood there for a moment; one too many would copy the statement."""
    for _ in range(20):
        terminal.pump(1).press("y")
        for _ in range(20):
            if "y  Yes" not in terminal.pump(0.1).screen():
                return
    pytest.fail(f"the question stands:\n{terminal.screen()}")


def apply(terminal: Terminal, words: str) -> None:
    """Go to the piece of these words, from the top, and apply it."""
    terminal.wait_for_match(rf" (?:new sessions|at once) +{words}")
    terminal.press("g")
    for _ in range(12):
        if re.search(rf"WHAT TO DO[^\n]*\n{words}", terminal.pump(0.2).screen()):
            break
        terminal.press("j")
    terminal.press("A").wait_for("Apply this advice?")
    say_yes(terminal)
    terminal.wait_for("done: read back: ").wait_for_match(rf"applied +applied +{words}, since")


@pytest.mark.parametrize("scenario", PLAYED)
def test_with_its_advice_applied_an_outage_does_not_fill_the_server_again(
    scenario: str, monitor: Callable[..., Terminal]
) -> None:
    with (
        played(scenario) as play,
        psycopg.connect(play.cluster.conninfo(dbname="shop"), autocommit=True) as superuser,
    ):
        settings = "SELECT array_agg((rolname, rolconnlimit, rolconfig)::text ORDER BY rolname) FROM pg_roles"
        before = fetch(superuser, settings)
        wait_until(lambda: stage._has_evidence(superuser, scenarios.SCENARIOS[scenario]), "the outage is there")
        terminal = monitor(play.cluster.conninfo("pgheadroom", "shop"), columns=160, lines=50)
        terminal.press("7").wait_for("▸ ADVICE")
        for words in APPLIED[scenario]:
            apply(terminal, words)
        assert fetch(superuser, settings) != before

        play.end(superuser)
        play.begin()
        (role,) = re.findall(r"role (\w+)$", APPLIED[scenario][-1])
        bound = f"{USED} AND usename = '{role}'"
        limit = int(re.findall(r"applied +CONNECTION LIMIT (\d+)", terminal.screen())[0])
        most = min(limit, CLIENTS.get(role, limit))
        wait_until(lambda: fetch(superuser, bound) >= most, "the role has come to its limit again")
        for _ in range(10):
            assert fetch(superuser, USED) < USABLE
            psycopg.connect(play.cluster.conninfo("deploy", "shop")).close()  # whoever else comes gets in
            terminal.pump(0.2)

        for _ in APPLIED[scenario]:
            terminal.press("U").wait_for("Undo this?")
            say_yes(terminal)
            terminal.wait_for("undo ").wait_for("done: read back: ")
        wait_until(lambda: fetch(superuser, settings) == before, "everything is as it was")
