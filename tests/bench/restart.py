"""Whether the monitor is back among the first after a restart that fifty clients wait for too.

    python tests/bench/restart.py [--tries 20] [--version 18] [--way fast|immediate|crash] [--line tcp|socket|tls]
                                  [--clients disable|require] [--who monitor|loop] [--psql /usr/bin/psql]

Nine slots are for ordinary roles, and all who come have one. The clients try every 100 to 300 ms, and who is let in
holds its slot for half a minute, which is longer than we wait: the monitor is back within seconds, or not at all.
Clients without TLS (`--clients disable`) overtake a monitor with it: of its three flights theirs is one. `--who loop`
sends a shell loop around psql into the same restarts, as one does by hand.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path

import psycopg

from pgheadroom.demo.servers.cluster import Cluster, find_installations
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.live.source import LiveSource
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update

CLIENTS, PROCESSES = 50, 5
LOOP = "until {psql} -qAtc 'SELECT 1' >/dev/null 2>&1; do :; done"
BACK_WITHIN = 20.0


def client(conninfo: str, over: Event) -> None:
    while not over.is_set():
        with suppress(psycopg.Error), psycopg.connect(conninfo) as connection:
            connection.execute("SELECT 1")
            ends = time.monotonic() + 30
            while time.monotonic() < ends and not over.wait(0.5):
                connection.execute("SELECT 1")
        over.wait(random.uniform(0.1, 0.3))


def clients(conninfo: str, over: Event) -> None:
    threads = [threading.Thread(target=client, args=(conninfo, over)) for _ in range(CLIENTS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def go_down(cluster: Cluster, way: str, down: float) -> None:
    if way != "crash":
        cluster.stop(way)
        time.sleep(down)
        cluster.start()
        return
    os.kill(one_backend(cluster), signal.SIGKILL)


def one_backend(cluster: Cluster) -> int:
    """The pid of any; the clients that are being refused take the reserve for moments, too."""
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
            row = superuser.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'web' LIMIT 1").fetchone()
            if row is not None:
                return int(row[0])


@asynccontextmanager
async def crowd(cluster: Cluster, sslmode: str) -> AsyncIterator[None]:
    """Fifty clients, nine of whom have a slot, and all the others have been refused."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    where = cluster.conninfo("web", tcp=True, sslmode=sslmode, gssencmode="disable")
    processes = [context.Process(target=clients, args=(where, over)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    refused = cluster.log.count("FATAL")
    async with asyncio.timeout(60):
        while cluster.log.count("FATAL") < refused + 200:  # they are all there  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.2)
    yield
    over.set()
    for process in processes:
        process.join()


async def monitor_away(cluster: Cluster, conninfo: str, arguments: argparse.Namespace) -> float | None:
    """Seconds without a sample; None when the monitor was not back in time."""
    came = asyncio.Queue[tuple[float, str]]()

    def post(update: Update) -> None:
        if isinstance(update, Snapshot):
            came.put_nowait((time.monotonic(), update.returned))

    source = LiveSource(conninfo, interval=0.2)
    await source.open()
    running = asyncio.create_task(source.run(post))
    await came.get()
    async with crowd(cluster, arguments.clients):
        await asyncio.to_thread(go_down, cluster, arguments.way, random.uniform(0.2, 3.0))
        back = await time_away(came)
        running.cancel()
        await asyncio.wait({running})
        await source.close()
    return back


async def loop_away(cluster: Cluster, conninfo: str, arguments: argparse.Namespace) -> float | None:
    """The same of a shell loop around psql, which asks from before the restart on."""
    async with crowd(cluster, arguments.clients):
        command = LOOP.format(psql=f"{shlex.quote(arguments.psql)} -d {shlex.quote(conninfo)}")
        loop = await asyncio.create_subprocess_exec("/bin/sh", "-c", command, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        await asyncio.to_thread(go_down, cluster, arguments.way, random.uniform(0.2, 3.0))
        try:
            async with asyncio.timeout(BACK_WITHIN):
                await loop.wait()
        except TimeoutError:
            loop.kill()
            await loop.wait()
            return None
        return time.monotonic() - began


async def time_away(came: "asyncio.Queue[tuple[float, str]]") -> float | None:
    """Seconds from the last sample over the old connection to the first one over the new one."""
    last = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(BACK_WITHIN):
            while True:
                moment, returned = await came.get()
                if returned:
                    return moment - last
                last = moment
    return None


def encrypt(cluster: Cluster) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = [cluster.data / "server.key", cluster.data / "server.crt"]
    told: list[str | Path] = ["-days", "2", "-subj", "/CN=localhost", "-keyout", files[0], "-out", files[1]]
    subprocess.run([*command, *told], check=True, capture_output=True)
    for file in files:
        file.chmod(0o600)
        cluster.ground.give(file)
    cluster.configure({"ssl": "on"})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--version", type=int, default=18)
    parser.add_argument("--way", choices=["fast", "immediate", "crash"], default="fast")
    parser.add_argument("--line", choices=["tcp", "socket", "tls"], default="tcp")
    parser.add_argument("--clients", choices=["disable", "require"], default="disable", help="their sslmode")
    parser.add_argument("--who", choices=["monitor", "loop"], default="monitor")
    parser.add_argument("--psql", default=shutil.which("psql") or "psql")
    arguments = parser.parse_args()
    one_restart = monitor_away if arguments.who == "monitor" else loop_away
    installation = next(one for one in find_installations() if one.major == arguments.version)
    with Playground() as ground:
        settings = {"max_connections": 12, "superuser_reserved_connections": 3, "max_wal_senders": 2}
        cluster = Cluster.create(ground, installation, "restart", settings=settings)
        if arguments.line == "tls":
            encrypt(cluster)
        cluster.start()
        with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE web LOGIN")
            superuser.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        mode = {"sslmode": "require" if arguments.line == "tls" else "disable"}
        conninfo = cluster.conninfo("watcher", tcp=arguments.line != "socket", **mode)
        back = 0
        for number in range(1, arguments.tries + 1):
            away = asyncio.run(one_restart(cluster, conninfo, arguments))
            back += away is not None
            print(f"{number:2}: {'not back' if away is None else f'back after {away:.2f} s'}", flush=True)
        told = (arguments.who, arguments.way, arguments.line, arguments.version)
        print(f"back in {back} of {arguments.tries}:", *told)


if __name__ == "__main__":
    main()
