"""pgheadroom and pg_activity beside each other: a thousand sessions, a terminal of 160x50, a refresh a second.

    python tests/bench/compare.py [--sessions 1000] [--seconds 20] [--rounds 1] [--starts 5]

Each is run in turn on the same server with the same role, first with a fifth of the sessions changing state each
second, then with none. Run by `make bench`.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.crowd import USERS  # noqa: E402
from bench.footprint import Footprint, cpu_seconds, own_seconds, resident_mb  # noqa: E402
from bench.peer import pg_activity  # noqa: E402
from pgheadroom.demo.servers.cluster import Cluster, find_installations  # noqa: E402
from pgheadroom.demo.servers.playground import Playground  # noqa: E402
from terminal.line import TerminalLine  # noqa: E402

COLUMNS, LINES = 160, 50
WARM_UP = 5.0
MONITOR = "monitor"
_DATA = re.compile(rb"(web|api|worker|billing|reports)-pod[\d*]")
_ONE_REFRESH = 0.4
"""Questions that begin within so many seconds of each other belong to one refresh."""


@dataclass(frozen=True)
class Program:
    """A way to run one of the two.

    Attributes:
        application: The application_name of its sessions.
        keys: Typed once it shows data.
    """

    name: str
    command: tuple[str, ...]
    application: str
    keys: bytes = b""
    leave: bytes = b"q"


class Bench:
    """A server with its crowd, and a superuser who watches the watchers."""

    def __init__(self, cluster: Cluster, crowd: subprocess.Popen[str], env: Mapping[str, str]) -> None:
        self.superuser: psycopg.Connection[Any] = psycopg.connect(cluster.conninfo(), autocommit=True)
        self._crowd = crowd
        self.env = env

    def let_crowd(self, order: str) -> None:
        assert self._crowd.stdin is not None
        self._crowd.stdin.write(f"{order}\n")
        self._crowd.stdin.flush()

    def changed_in_a_second(self) -> float:
        """The share of sessions that were in another state, or in a new one of the same name, a second later."""
        before = self._states()
        time.sleep(1.0)
        after = self._states()
        return sum(before.get(pid) != state for pid, state in after.items()) / len(after)

    def _states(self) -> dict[int, object]:
        rows = self.superuser.execute(
            "SELECT pid, state_change FROM pg_stat_activity WHERE usename = ANY(%s)", [[*USERS]]
        )
        return dict(rows.fetchall())

    def states(self) -> str:
        rows = self.superuser.execute(
            "SELECT state, count(*) FROM pg_stat_activity WHERE usename = ANY(%s) GROUP BY state ORDER BY 2 DESC",
            [[*USERS]],
        )
        return ", ".join(f"{count} {state}" for state, count in rows.fetchall())

    @contextmanager
    def running(self, program: Program) -> Iterator[TerminalLine]:
        line = TerminalLine(program.command, self.env, COLUMNS, LINES)
        try:
            yield line
            line.write(program.leave)
            line.wait()
        finally:
            line.close()

    def first_data(self, program: Program) -> tuple[float, float]:
        """Seconds from its start to the first row of data on the terminal, and of the processor for it."""
        with self.running(program) as line:
            await_data(line)
            return line.age, cpu_seconds(line.pid)

    def footprint(self, program: Program, seconds: float) -> Footprint:
        with self.running(program) as line:
            await_data(line)
            line.write(program.keys)
            read_for(line, WARM_UP)
            backends = self._backends(program)
            own, served, written = cpu_seconds(line.pid), sum(map(own_seconds, backends)), len(line.output)
            moments = self._watch(line, backends, seconds)
            own, served = cpu_seconds(line.pid) - own, sum(map(own_seconds, backends)) - served
            refreshes = max(1, sum(later - earlier > _ONE_REFRESH for earlier, later in pairwise(moments)))
            return Footprint(
                1000 * own / refreshes,
                1000 * served / refreshes,
                (len(line.output) - written) / 1000 / refreshes,
                resident_mb(line.pid),
                refreshes / seconds,
            )

    def _backends(self, program: Program) -> list[int]:
        rows = self.superuser.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s || '%%' AND usename = %s",
            [program.application, MONITOR],
        )
        return [pid for (pid,) in rows.fetchall()]

    def _watch(self, line: TerminalLine, backends: list[int], seconds: float) -> list[float]:
        """Read its output for `seconds`; the moments when the server began to answer it, in order."""
        moments: set[float] = set()
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            read_for(line, min(0.1, end - now))
            for pid in backends:
                rows = self.superuser.execute(
                    "SELECT extract(epoch FROM query_start)::float8 FROM pg_stat_get_activity(%s)", [pid]
                )
                moments.update(moment for (moment,) in rows.fetchall())
        return sorted(moments)


def await_data(line: TerminalLine, seconds: float = 30.0) -> None:
    while not _DATA.search(line.output):
        if line.age > seconds or line.process.poll() is not None:
            raise SystemExit(f"{line.process.args!r} showed no data:\n{line.output.decode(errors='replace')[-2000:]}")
        line.read(0.05)


def read_for(line: TerminalLine, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        line.read(left)


# --- what is compared ------------------------------------------------------------------------------------------------


def programs(conninfo: str) -> list[Program]:
    ours = str(Path(sysconfig.get_path("scripts")) / "pgheadroom")
    theirs = (str(pg_activity()), "--refresh", "1", conninfo)
    return [
        Program("pg_activity", theirs, "pg_activity"),
        Program("overview", (ours, "-i", "1s", conninfo), "pgheadroom"),
        Program("sessions", (ours, "-i", "1s", conninfo), "pgheadroom", keys=b"2"),
    ]


COLUMN_NAMES = ("cpu ms", "server ms", "kB", "RSS MB", "refreshes/s")


def table(title: str, runs: Mapping[str, list[Footprint]]) -> str:
    """Medians over the rounds, and ours in parts of theirs."""
    lines = [f"\n{title}", f"{'per refresh':<14}" + "".join(f"{name:>20}" for name in COLUMN_NAMES)]
    medians = {
        name: [statistics.median(column) for column in zip(*map(astuple, all_), strict=True)]
        for name, all_ in runs.items()
    }
    theirs = medians["pg_activity"]
    for name, values in medians.items():
        cells = [
            f"{value:.1f}" + (f" ({value / other:.2f}x)" if name != "pg_activity" and other else "        ")
            for value, other in zip(values, theirs, strict=True)
        ]
        lines.append(f"{name:<14}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def compare_starts(bench: Bench, compared: list[Program], times: int) -> None:
    waits: dict[str, list[tuple[float, float]]] = {program.name: [] for program in compared}
    for _ in range(times):
        for program in compared:
            waits[program.name].append(bench.first_data(program))
    print(f"\ntime to first data, s, median (fastest to slowest) of {times}, and processor time for it")
    for name, all_ in waits.items():
        ages, spent = zip(*all_, strict=True)
        told = f"{statistics.median(ages):10.2f}   ({min(ages):.2f} to {max(ages):.2f})"
        print(f"{name:<14}{told}{statistics.median(spent):10.2f}", flush=True)


def compare_refreshes(bench: Bench, compared: list[Program], order: str, rounds: int, seconds: float) -> None:
    bench.let_crowd(order)
    time.sleep(3.0)
    runs: dict[str, list[Footprint]] = {program.name: [] for program in compared}
    for _ in range(rounds):
        for program in compared:
            runs[program.name].append(bench.footprint(program, seconds))
    changed = f"{bench.changed_in_a_second():.0%} of the sessions change state in a second"
    print(table(f"{order}: {changed} ({bench.states()})", runs), flush=True)


@contextmanager
def bench_of(sessions: int) -> Iterator[tuple[Bench, Cluster]]:
    settings: dict[str, str | int] = {"max_connections": sessions + 100, "superuser_reserved_connections": 3}
    with Playground() as ground, tempfile.TemporaryDirectory() as home:
        cluster = Cluster.create(ground, find_installations()[0], "bench", settings=settings)
        cluster.start()
        prepare(cluster)
        env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        command = [sys.executable, str(HERE / "crowd.py"), cluster.conninfo(dbname="shop"), str(sessions)]
        crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert crowd.stdout is not None
            if crowd.stdout.readline() != "ready\n":
                raise SystemExit("the crowd did not come")
            yield Bench(cluster, crowd, env), cluster
        finally:
            crowd.kill()
            crowd.wait()
            cluster.stop("immediate")


def prepare(cluster: Cluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        for user in (*USERS, MONITOR):
            connection.execute(f"CREATE ROLE {user} LOGIN".encode())
        connection.execute(f"GRANT pg_monitor, pg_signal_backend TO {MONITOR}".encode())
        connection.execute("CREATE DATABASE shop")


def main() -> None:
    parser = argparse.ArgumentParser(description="pgheadroom and pg_activity beside each other")
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured")
    parser.add_argument("--starts", type=int, default=5, help="how often each is started for the time to first data")
    parser.add_argument("--only", choices=("busy", "calm"), help="one of the two crowds")
    chosen = parser.parse_args()
    with bench_of(chosen.sessions) as (bench, cluster):
        compared = programs(cluster.conninfo(user=MONITOR))
        version = cluster.installation.version
        print(f"{chosen.sessions} sessions, PostgreSQL {version}, {COLUMNS}x{LINES}, {os.cpu_count()} cores")
        bench.let_crowd("busy")
        compare_starts(bench, compared[:2], chosen.starts)
        for order in ("busy", "calm"):
            if chosen.only in (None, order):
                compare_refreshes(bench, compared, order, chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
