"""How long the monitor needs to get into a full server against clients that come back, beside a shell loop around psql.

    python tests/bench/storm.py [--clients 50] [--pause 0.2] [--tries 30] [--version 18] [--psql /usr/bin/psql]

Nine slots are for ordinary roles, and all who come have one. Each client connects, holds its slot for 0.2 to 0.8
seconds, leaves, and comes back after `--pause`; refused, it waits for that too. The monitor and the loop come in turns,
so that both meet the same storm. The start of the monitor's process is not counted.
"""

import argparse
import asyncio
import multiprocessing
import random
import shlex
import shutil
import statistics
import subprocess
import threading
import time
from contextlib import suppress
from multiprocessing.synchronize import Event

import psycopg

from pgheadroom.demo.servers.cluster import Cluster, find_installations
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.live.source import LiveSource

PROCESSES = 5
NO_LONGER = 60.0
NAMES = ("monitor", "loop")
LOOP = "n=0; until {psql} -qAtc 'SELECT 1' >/dev/null 2>&1; do n=$((n+1)); done; echo $n"


def client(conninfo: str, pause: float, over: Event) -> None:
    while not over.is_set():
        with suppress(psycopg.Error), psycopg.connect(conninfo) as connection:
            connection.execute("SELECT 1")
            over.wait(random.uniform(0.2, 0.8))
        over.wait(pause * random.uniform(0.5, 1.5))


def clients(conninfo: str, count: int, pause: float, over: Event) -> None:
    threads = [threading.Thread(target=client, args=(conninfo, pause, over)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_loop(psql: str, conninfo: str) -> tuple[float, int]:
    began = time.monotonic()
    command = LOOP.format(psql=f"{shlex.quote(psql)} -d {shlex.quote(conninfo)}")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=NO_LONGER, check=True)
    return time.monotonic() - began, int(done.stdout)


async def time_to_get_in(conninfo: str) -> tuple[float, int]:
    """Seconds from the start to the slot, and attempts before the one that got it."""
    source = LiveSource(conninfo)
    began = time.monotonic()
    source.keep_trying()
    await source.reconnection.entered()
    took = time.monotonic() - began
    attempts = source.reconnection.attempts.doors.attempts
    await source.close()
    return took, attempts - 1


def by_monitor(conninfo: str) -> tuple[float, int]:
    return asyncio.run(time_to_get_in(conninfo))


def measure(cluster: Cluster, arguments: argparse.Namespace) -> None:
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    conninfo = cluster.conninfo("web", tcp=True, sslmode="disable", gssencmode="disable")
    per_process = arguments.clients // PROCESSES
    crowd = [
        context.Process(target=clients, args=(conninfo, per_process, arguments.pause, over)) for _ in range(PROCESSES)
    ]
    for process in crowd:
        process.start()
    while cluster.log.count("FATAL") < 500:
        time.sleep(0.5)
    ours, loops = [], []
    watcher = cluster.conninfo("watcher", tcp=True)
    plain = cluster.conninfo("watcher", tcp=True, sslmode="disable", gssencmode="disable")
    try:
        before, began = cluster.log.count("FATAL"), time.monotonic()
        time.sleep(5)
        print(f"{(cluster.log.count('FATAL') - before) / (time.monotonic() - began):.0f} refusals a second", flush=True)
        for number in range(1, arguments.tries + 1):
            ours.append(by_monitor(watcher))
            time.sleep(random.uniform(0.2, 0.8))
            loops.append(by_loop(arguments.psql, plain))
            time.sleep(random.uniform(0.2, 0.8))
            print(
                f"{number:2}: monitor {ours[-1][0]:6.3f} s {ours[-1][1]:4}, loop {loops[-1][0]:6.3f} s {loops[-1][1]:4}"
            )
    finally:
        over.set()
        for process in crowd:
            process.join()
    report(ours, loops)


def report(ours: list[tuple[float, int]], loops: list[tuple[float, int]]) -> None:
    for what, unit, index in (("taken", "s", 0), ("refused", "times", 1)):
        mine, theirs = sorted(one[index] for one in ours), sorted(one[index] for one in loops)
        for name, at in (("median", statistics.median), ("90 %", _ninety)):
            print(
                f"{what}, {name}: monitor {at(mine):.2f} {unit}, loop {at(theirs):.2f}, "
                f"ratio {at(mine) / (at(theirs) or 1):.2f}"
            )


def _ninety(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.9 * len(values)) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--tries", type=int, default=30)
    parser.add_argument("--pause", type=float, default=0.2)
    parser.add_argument("--version", type=int, default=18)
    parser.add_argument("--psql", default=shutil.which("psql") or "psql")
    arguments = parser.parse_args()
    installation = next(one for one in find_installations() if one.major == arguments.version)
    with Playground() as ground:
        settings = {"max_connections": 12, "superuser_reserved_connections": 3, "max_wal_senders": 2}
        cluster = Cluster.create(ground, installation, "storm", settings=settings)
        cluster.start()
        with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE web LOGIN")
            superuser.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        measure(cluster, arguments)


if __name__ == "__main__":
    main()
