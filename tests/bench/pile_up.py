"""A pile-up of hundreds or thousands behind one lock: what the lock part of a sample costs, and what it does to others.

    python tests/bench/pile_up.py [--waiters 800] [--kind row|alter|chain|granted] [--rounds 5] [--seconds 4]

`row`: all wait for one row. `alter`: readers behind an ALTER TABLE. `chain`: each waits for the one before.
`granted`: five wait, and others hold 100,000 locks. The lock part is asked unthinned, with each sample. The bystander
is pgbench on another table: alone, beside pgheadroom and beside pg_activity in turn. Run by `make bench`.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.compare import COLUMNS, LINES, Program, programs, read_for  # noqa: E402
from pgheadroom.demo.servers.cluster import Cluster, find_installations  # noqa: E402
from pgheadroom.demo.servers.playground import Playground  # noqa: E402
from pgheadroom.postgres import asking, timing  # noqa: E402
from pgheadroom.postgres.queries import query  # noqa: E402
from pgheadroom.postgres.sampling import Probe  # noqa: E402
from pgheadroom.rules.facts.locks import lock_tree  # noqa: E402
from terminal.line import TerminalLine  # noqa: E402

SAMPLES = 15
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

    def leave(self) -> None:
        for session in self.sessions:
            session.pgconn.finish()


async def lock_part(conninfo: str) -> dict[str, float]:
    """Server time and bytes of the lock part, and the time from question to tree, each asked unthinned."""
    probe = await Probe.open(conninfo)
    server: list[float] = []
    whole: list[float] = []

    def noted(questions: Any, answers: Any) -> dict[str, float]:
        found = timing.costs(questions, answers)
        server.extend([found["locks"]] if "locks" in found else [])
        return found

    setattr(asking, "costs", noted)  # noqa: B010 - not one of its own names
    for _ in range(SAMPLES):
        probe.hurry()
        began = time.perf_counter()
        snapshot = await probe.sample()
        nodes = lock_tree(snapshot)
        whole.append(time.perf_counter() - began)
    await probe.close()
    return {
        "lock part ms": 1000 * statistics.median(server),
        "lock part ms, least": 1000 * min(server),
        "lock part kB": answer_bytes(conninfo) / 1000,
        "question to tree ms": 1000 * statistics.median(whole),
        "behind the root": nodes[0].waiting_behind,
    }


def answer_bytes(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        told = connection.pgconn.exec_params(
            query("locks", connection.info.server_version, "looking"), [b"false"], result_format=1
        )
        fields = range(told.nfields)
        return sum(7 + sum(4 + len(told.get_value(row, one) or b"") for one in fields) for row in range(told.ntuples))


def throughput(pgbench: Path, cluster: Cluster, script: Path, seconds: float) -> float:
    command: list[str | Path] = [pgbench, "-n", "-c", "4", "-T", str(int(seconds)), "-f", script, cluster.conninfo()]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"tps = ([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


@contextmanager
def beside(program: Program | None, env: dict[str, str]) -> Iterator[None]:
    if program is None:
        yield
        return
    line = TerminalLine(program.command, env, COLUMNS, LINES)
    try:
        read_for(line, 3.0)
        with draining(line):
            yield
        line.write(program.leave)
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
    parser.add_argument("--seconds", type=float, default=4.0)
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
        pgbench = cluster.installation.program("pgbench")
        if pgbench.exists() and chosen.rounds:
            script = Path(home) / "bystander.sql"
            script.write_text(BYSTANDER)
            env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
            figures |= compare(pgbench, cluster, script, env, chosen.rounds, chosen.seconds)
        for name, value in figures.items():
            print(f"  {name:<40}{value:10.2f}", flush=True)
        if chosen.json:
            told = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
            chosen.json.write_text(json.dumps(told | {f"{chosen.kind}, {count} waiters": figures}, indent=1) + "\n")
        crowd.leave()
        cluster.stop("immediate")


def compare(
    pgbench: Path, cluster: Cluster, script: Path, env: dict[str, str], rounds: int, seconds: float
) -> dict[str, float]:
    theirs, ours, *_ = programs(cluster.conninfo())
    shares: dict[str, list[float]] = {"pgheadroom": [], "pg_activity": []}
    for _ in range(rounds):
        alone = throughput(pgbench, cluster, script, seconds)
        for name, program in (("pgheadroom", ours), ("pg_activity", theirs)):
            with beside(program, env):
                shares[name].append(throughput(pgbench, cluster, script, seconds) / alone)
    return {
        f"bystander beside {name}, of alone{which}": of(all_)
        for name, all_ in shares.items()
        for which, of in (("", statistics.median), (", least", min), (", most", max))
    }


if __name__ == "__main__":
    main()
