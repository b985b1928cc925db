"""A pile-up of hundreds or thousands behind one lock: what the lock part of a sample costs, and what it does to others.

    python tests/bench/pile_up.py [--waiters 800] [--kind row|alter|chain|granted] [--rounds 5] [--thinned 60]

`row`: all wait for one row. `alter`: readers behind an ALTER TABLE. `chain`: each waits for the one before.
`granted`: five wait, and others hold 100,000 locks. The lock part is asked unthinned, with each sample.

The bystander is pgbench on another table: alone, beside pgheadroom, alone, beside pg_activity, and again. The programs
run on a core of their own, as on another machine, and the server and pgbench on the others: what a program takes from a
core that it shares with them is not the server's loss. Throughput wavers by a tenth and more on most machines; what the
server spends on a program, in milliseconds a second, is exact, and the least that it loses. Run by `make bench`.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.compare import COLUMNS, LINES, WARM_UP, Program, programs, read_for  # noqa: E402
from bench.footprint import own_seconds  # noqa: E402
from bench.keys import PILED, first_sight, latency  # noqa: E402
from pgheadroom.demo.servers.cluster import Cluster, find_installations  # noqa: E402
from pgheadroom.demo.servers.playground import Playground  # noqa: E402
from pgheadroom.postgres import asking, timing  # noqa: E402
from pgheadroom.postgres.queries import query  # noqa: E402
from pgheadroom.postgres.sampling import Probe  # noqa: E402
from pgheadroom.rules.facts.locks import lock_nodes, lock_places  # noqa: E402
from terminal.line import TerminalLine  # noqa: E402

SAMPLES = 15
PEER = "pg_activity"
STRIDE = 1.5
"""Seconds after which a program that was let go refreshes at its pace again."""
PARTITIONS, HOLDERS, FEW = 1000, 100, 5
BYSTANDER = "BEGIN; SELECT count(*) FROM bystander; END;"
Session = psycopg.Connection[Any]


class Crowd:
    """Sessions that wait. The server finds no deadlocks for an hour: with thousands in one queue that takes longer."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.sessions: list[Session] = []

    def session(self, first: str = "") -> Session:
        self.sessions.append(psycopg.connect(self.cluster.conninfo(), autocommit=True, prepare_threshold=None))
        if first:
            self.sessions[-1].execute(first.encode())
        return self.sessions[-1]

    def waits(self, statement: str, first: str = "") -> None:
        session = self.session(first)
        session.pgconn.send_query(statement.encode())
        session.pgconn.flush()

    def gather(self, kind: str, count: int) -> None:
        if kind == "alter":
            self.session("BEGIN; SELECT * FROM orders")
            self.waits("ALTER TABLE orders ADD COLUMN x int")
            time.sleep(0.5)
        elif kind == "chain":
            self.session("SELECT pg_advisory_lock(0)")
        else:
            self.session("BEGIN; UPDATE orders SET note = 'holder' WHERE id = 1")
        if kind == "granted":
            self.hold_many()
        for number in range(count):
            match kind:
                case "alter":
                    self.waits("SELECT * FROM orders")
                case "chain":
                    self.waits(f"SELECT pg_advisory_lock({number})", f"SELECT pg_advisory_lock({number + 1})")
                case _:
                    self.waits("UPDATE orders SET note = 'waiter' WHERE id = 1")

    def hold_many(self) -> None:
        owner = self.session("CREATE TABLE parts (id int) PARTITION BY RANGE (id)")
        for number in range(PARTITIONS):
            values = f"FOR VALUES FROM ({number}) TO ({number + 1})"
            owner.execute(f"CREATE TABLE parts{number} PARTITION OF parts {values}".encode())
        for _ in range(HOLDERS):
            self.session("BEGIN; SELECT count(*) FROM parts")

    def backends(self, application: str) -> list[int]:
        rows = self.sessions[0].execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s || '%%'", [application]
        )
        return [pid for (pid,) in rows.fetchall()]

    def leave(self) -> None:
        for session in self.sessions:
            session.pgconn.finish()


async def lock_part(conninfo: str) -> dict[str, float]:
    """Server time and bytes of the lock part, and the time from question to tree, each asked unthinned."""
    probe = await Probe.open(conninfo)
    server = noted_costs()
    whole: list[float] = []
    for _ in range(SAMPLES):
        probe.hurry()
        began = time.perf_counter()
        snapshot = await probe.sample()
        nodes = lock_nodes(snapshot, lock_places(snapshot))
        whole.append(time.perf_counter() - began)
    await probe.close()
    return {
        "lock part ms": 1000 * statistics.median(server),
        "lock part ms, least": 1000 * min(server),
        "limit, the lock table counted, ms": 1000 * counted(conninfo, "pg_lock_status()"),
        "limit, the sessions counted, ms": 1000 * counted(conninfo, "pg_stat_get_activity(NULL)"),
        "lock part kB": answer_bytes(conninfo) / 1000,
        "question to tree ms": 1000 * statistics.median(whole),
        "behind the root": nodes[0].waiting_behind,
    }


async def thinned(conninfo: str, seconds: float) -> dict[str, float]:
    """The part of the time that the lock part takes of the server, asked once a second and as its budget allows."""
    probe = await Probe.open(conninfo)
    server = noted_costs()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        await probe.sample()
        await asyncio.sleep(1.0)
    took = time.monotonic() - began
    await probe.close()
    return {"lock part, % of the time": 100 * sum(server) / took, "readings of the lock table": len(server)}


def noted_costs() -> list[float]:
    """To which each lock part's server time is added from now on, in seconds."""
    server: list[float] = []

    def noted(questions: Any, answers: Any) -> dict[str, float]:
        found = timing.costs(questions, answers)
        server.extend([found["locks"]] if "locks" in found else [])
        return found

    setattr(asking, "costs", noted)  # noqa: B010 - not one of its own names
    return server


def counted(conninfo: str, rows: str) -> float:
    """Seconds, the least of several."""
    with psycopg.connect(conninfo) as connection:
        took = []
        for _ in range(SAMPLES):
            began = time.perf_counter()
            connection.execute(f"SELECT count(*) FROM pg_catalog.{rows}".encode())
            took.append(time.perf_counter() - began)
    return min(took)


def answer_bytes(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        told = connection.pgconn.exec_params(
            query("locks", connection.info.server_version, "looking"), [b"false"], result_format=1
        )
        fields = range(told.nfields)
        return sum(7 + sum(4 + len(told.get_value(row, one) or b"") for one in fields) for row in range(told.ntuples))


def throughput(cluster: Cluster, script: Path, cores: set[int], seconds: float) -> float:
    pgbench = cluster.installation.program("pgbench")
    command: list[str | Path] = [pgbench, "-n", "-c", "4", "-T", str(int(seconds)), "-f", script, cluster.conninfo()]
    pin = partial(os.sched_setaffinity, 0, cores)
    told = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pin).stdout
    found = re.search(r"tps = ([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


@contextmanager
def stopped(program: Program, env: dict[str, str]) -> Iterator[TerminalLine]:
    """A program that shows its data, and stands still until it gets SIGCONT."""
    line = TerminalLine(program.command, env, COLUMNS, LINES)
    try:
        read_for(line, WARM_UP)
        with draining(line):
            line.send(signal.SIGSTOP)
            yield line
    finally:
        line.close()


@contextmanager
def draining(line: TerminalLine) -> Iterator[None]:
    """Read what it draws: it would wait for a terminal that does not."""
    over = threading.Event()

    def drain() -> None:
        while not over.is_set():
            with suppress(OSError):
                line.read(0.1)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="a pile-up of thousands")
    parser.add_argument("--waiters", type=int, default=800)
    parser.add_argument("--kind", choices=("row", "alter", "chain", "granted"), default="row")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--thinned", type=float, default=0.0, help="seconds for which the budget's share is measured")
    parser.add_argument("--presses", type=int, default=4, help="of each key, beside the pile-up")
    parser.add_argument("--json", type=Path, help="a file to which the figures are added")
    chosen = parser.parse_args()
    count = FEW if chosen.kind == "granted" else chosen.waiters
    settings: dict[str, str | int] = {
        "max_connections": count + HOLDERS + 100,
        "max_locks_per_transaction": 1200 if chosen.kind == "granted" else 128,
        "deadlock_timeout": "'1h'",
    }
    with Playground() as ground, tempfile.TemporaryDirectory() as home:
        cluster = Cluster.create(ground, find_installations()[0], "bench", settings=settings)
        cluster.start()
        crowd = Crowd(cluster)
        owner = crowd.session("CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, '')")
        owner.execute("CREATE TABLE bystander AS SELECT generate_series(1, 10) AS id")
        crowd.gather(chosen.kind, count)
        print(f"{chosen.kind}: {count} waiters, PostgreSQL {cluster.installation.version}", flush=True)
        figures = asyncio.run(lock_part(cluster.conninfo()))
        if chosen.thinned:
            figures |= asyncio.run(thinned(cluster.conninfo(), chosen.thinned))
        env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        if chosen.presses:
            figures |= as_seen(cluster.conninfo(), env, chosen.presses)
        if cluster.installation.program("pgbench").exists() and chosen.rounds:
            script = Path(home) / "bystander.sql"
            script.write_text(BYSTANDER)
            figures |= compare(cluster, crowd, script, env, chosen)
        for name, value in figures.items():
            print(f"  {name:<40}{value:10.2f}", flush=True)
        if chosen.json:
            told = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
            chosen.json.write_text(json.dumps(told | {f"{chosen.kind}, {count} waiters": figures}, indent=1) + "\n")
        crowd.leave()
        cluster.stop("immediate")


def as_seen(conninfo: str, env: dict[str, str], presses: int) -> dict[str, float]:
    """The first picture with the pile-up in it, and how long keys take beside it."""
    line = TerminalLine(programs(conninfo)[1].command, env, COLUMNS, LINES)
    try:
        first = first_sight(line, (COLUMNS, LINES), r"LOCK WAITS .* \d+ waiting")
        return {"first right picture s": first, **latency(line, (COLUMNS, LINES), PILED, presses)}
    finally:
        line.close()


def compare(cluster: Cluster, crowd: Crowd, script: Path, env: dict[str, str], chosen: Any) -> dict[str, float]:
    *servers, last = sorted(os.sched_getaffinity(0))
    cores = {*servers} or {last}
    os.sched_setaffinity(0, {last})  # ours, and so the programs'
    os.sched_setaffinity(int((cluster.data / "postmaster.pid").read_text().split()[0]), cores)  # all who come after it
    theirs, ours, *_ = programs(cluster.conninfo())
    shares: dict[str, list[float]] = {"pgheadroom": [], PEER: []}
    spent: dict[str, list[float]] = {"pgheadroom": [], PEER: []}
    with stopped(ours, env) as we, stopped(theirs, env) as they:
        backends = {name: crowd.backends(name) for name in shares}
        for _ in range(chosen.rounds):
            for name, line in (("pgheadroom", we), (PEER, they)):
                alone = throughput(cluster, script, cores, chosen.seconds)
                line.send(signal.SIGCONT)
                time.sleep(STRIDE)
                before, began = sum(map(own_seconds, backends[name])), time.monotonic()
                shares[name].append(throughput(cluster, script, cores, chosen.seconds) / alone)
                served = sum(map(own_seconds, backends[name])) - before
                spent[name].append(1000 * served / (time.monotonic() - began))
                line.send(signal.SIGSTOP)
    return {
        f"bystander beside {name}, of alone{which}": of(all_)
        for name, all_ in shares.items()
        for which, of in (("", statistics.median), (", least", min), (", most", max))
    } | {f"server ms a second for {name}": statistics.median(all_) for name, all_ in spent.items()}


if __name__ == "__main__":
    main()
