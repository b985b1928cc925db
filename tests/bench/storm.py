"""How long the monitor needs to get into a full server against clients that reconnect without a pause.

    python tests/bench/storm.py [--clients 50] [--tries 20] [--hold 0.2] [--version 18]

Each client connects, holds its slot for `--hold` seconds, leaves, and is back at once; refused, it tries again at once.
The monitor's role is an ordinary one: it has the same slots as the clients, and no better door.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import threading
import time
from contextlib import suppress
from multiprocessing.synchronize import Event

import psycopg

from pgheadroom.demo.cluster import Cluster, find_installations
from pgheadroom.demo.playground import Playground
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update
from pgheadroom.sampler import LiveSource

PROCESSES = 5


def client(conninfo: str, hold: float, over: Event) -> None:
    while not over.is_set():
        with suppress(psycopg.Error), psycopg.connect(conninfo) as connection:
            connection.execute("SELECT 1")
            over.wait(hold)


def clients(conninfo: str, count: int, hold: float, over: Event) -> None:
    threads = [threading.Thread(target=client, args=(conninfo, hold, over)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def time_to_get_in(conninfo: str) -> tuple[float, int]:
    """Seconds from the start to the first sample, and attempts that were refused."""
    source = LiveSource(conninfo)
    inside: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    refused = 0

    def post(update: Update) -> None:
        nonlocal refused
        if isinstance(update, Snapshot):
            if not inside.done():
                inside.set_result(None)
        elif update.waiting is not None:
            refused = update.waiting.tries

    began = time.monotonic()
    running = asyncio.create_task(source.run(post))
    await inside
    took = time.monotonic() - began
    running.cancel()
    await asyncio.wait({running})
    await source.close()
    return took, refused


def measure(cluster: Cluster, arguments: argparse.Namespace) -> list[float]:
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    per_process = arguments.clients // PROCESSES
    conninfo = cluster.conninfo("web", tcp=True, sslmode="disable", gssencmode="disable")
    crowd = [
        context.Process(target=clients, args=(conninfo, per_process, arguments.hold, over)) for _ in range(PROCESSES)
    ]
    for process in crowd:
        process.start()
    time.sleep(5)
    taken = []
    try:
        for number in range(1, arguments.tries + 1):
            took, refused = asyncio.run(time_to_get_in(cluster.conninfo("watcher", tcp=True)))
            taken.append(took)
            print(f"{number:2}: {took:7.3f} s, refused {refused} times", flush=True)
    finally:
        over.set()
        for process in crowd:
            process.join()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--hold", type=float, default=0.2)
    parser.add_argument("--version", type=int, default=18)
    arguments = parser.parse_args()
    installation = next(one for one in find_installations() if one.major == arguments.version)
    with Playground() as ground:
        settings = {"max_connections": 30, "superuser_reserved_connections": 3, "max_wal_senders": 2}
        cluster = Cluster.create(ground, installation, "storm", settings=settings)
        cluster.start()
        with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE web LOGIN")
            superuser.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
            taken = measure(cluster, arguments)
    print(f"median {statistics.median(taken):.2f} s, worst {max(taken):.2f} s of {len(taken)}")


if __name__ == "__main__":
    main()
