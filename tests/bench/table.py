"""What a refresh, a key and a start cost with 100, 1,000 and 3,500 sessions, beside pg_activity in the same run.

    python tests/bench/table.py [--sessions 1000]... [--rounds 3] [--seconds 10] [--crowd calm|busy] [--json FILE]

In each round the programs take turns. Below the table stand the limits: what the least that could be done costs here.
Processor time is that of the process and of its server process, which other work on the machine hardly changes; waits
are as long as the machine makes them. Run by `make bench`.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.compare import COLUMNS, LINES, MONITOR, WARM_UP, Bench, Program, await_data, bench_of, programs, read_for  # noqa: E402
from bench.counting import Counting  # noqa: E402
from bench.footprint import own_seconds, resident_mb  # noqa: E402
from bench.keys import BARE, OURS, THEIRS, latency  # noqa: E402
from pgheadroom.demo.servers.cluster import Cluster  # noqa: E402
from pgheadroom.postgres.queries import query  # noqa: E402
from terminal.line import TerminalLine  # noqa: E402

PEER = "pg_activity"
ASKED = 60
BARE_STARTS = 5
Figures = dict[str, dict[str, list[float]]]
"""By what was measured, then by program: a value of each round."""


class Aim(NamedTuple):
    """What is to hold: a part of pg_activity's figure, or of `of`, or the figure itself."""

    figure: str
    sessions: tuple[int, ...]
    program: str
    most: float
    absolute: bool = False


AIMS = (
    Aim("start s", (1000,), "overview", 1.3),
    Aim("cpu ms", (1000,), "overview", 0.3),
    Aim("cpu ms", (1000,), "sessions", 0.4),
    Aim("cpu ms", (3500,), "overview", 0.25),
    Aim("cpu ms", (3500,), "sessions", 0.35),
    Aim("server ms", (1000, 3500), "overview", 0.45),
    Aim("server ms", (1000, 3500), "sessions", 0.45),
    Aim("of all rows' bytes", (3500,), "overview", 0.15, absolute=True),
    Aim("memory MB", (1000, 3500), "overview", 1.2),
    Aim("memory MB", (1000, 3500), "sessions", 1.2),
    Aim("key, median ms", (1000, 3500), "sessions", 16, absolute=True),
    Aim("key, 95 % ms", (1000, 3500), "sessions", 40, absolute=True),
    Aim("key, worst ms", (1000, 3500), "sessions", 60, absolute=True),
)


def measure(bench: Bench, cluster: Cluster, rounds: int, seconds: float, presses: int) -> Figures:
    figures: Figures = defaultdict(lambda: defaultdict(list))
    whole = all_rows(cluster)
    for _ in range(rounds):
        for program in programs(cluster.conninfo(user=MONITOR)):
            found = figures_of(bench, program, seconds)
            if program.name != "overview":
                found |= keys_of(bench, program, presses)
            if program.name != "sessions":
                found["start s"] = bench.first_data(program)[0]
            sent = received_kb(bench, cluster, program.name, seconds)
            found["from the server kB"] = sent / found["refreshes a second"]
            if program.name != PEER:
                found["of all rows' bytes"] = 1000 * found["from the server kB"] / whole
            for name, value in found.items():
                figures[name][program.name].append(value)
            print(".", end="", file=sys.stderr, flush=True)
    return figures


def figures_of(bench: Bench, program: Program, seconds: float) -> dict[str, float]:
    found = bench.footprint(program, seconds)
    return {
        "cpu ms": found.cpu,
        "server ms": found.server_cpu,
        "memory MB": found.resident,
        "to the terminal kB": found.written,
        "refreshes a second": found.refreshes,
    }


def keys_of(bench: Bench, program: Program, presses: int) -> dict[str, float]:
    with bench.running(program) as line:
        await_data(line)
        return latency(line, (COLUMNS, LINES), THEIRS if program.name == PEER else OURS, presses)


def received_kb(bench: Bench, cluster: Cluster, name: str, seconds: float) -> float:
    """What the server sends in a second, through a relay."""
    relay = Counting(cluster.port)
    conninfo = make_conninfo(cluster.conninfo(user=MONITOR, tcp=True), port=relay.port)
    program = next(one for one in programs(conninfo) if one.name == name)
    try:
        with bench.running(program) as line:
            await_data(line)
            line.write(program.keys)
            read_for(line, WARM_UP)
            before, began = relay.received, time.monotonic()
            read_for(line, seconds)
            return (relay.received - before) / 1000 / (time.monotonic() - began)
    finally:
        relay.close()


def all_rows(cluster: Cluster) -> int:
    """Bytes of everybody's rows, as the first sample asks for them."""
    with psycopg.connect(cluster.conninfo(user=MONITOR)) as connection:
        text = query("activity", connection.info.server_version, "silent")
        told = connection.pgconn.exec_params(text, [b"-infinity", b"{}"], result_format=1)
        fields = range(told.nfields)
        return sum(7 + sum(4 + len(told.get_value(row, one) or b"") for one in fields) for row in range(told.ntuples))


def limits(bench: Bench, cluster: Cluster, presses: int) -> dict[str, float]:
    """The least that could be done: to count the sessions, to run a program whose screens have one line."""
    with psycopg.connect(cluster.conninfo(user=MONITOR), autocommit=True) as connection:
        backend = connection.info.backend_pid
        before = own_seconds(backend)
        for _ in range(ASKED):
            connection.execute("SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL)")
        counting = 1000 * (own_seconds(backend) - before) / ASKED
    starts = []
    for _ in range(BARE_STARTS):
        with bare(bench, cluster) as line:
            starts.append(line.age)
    with bare(bench, cluster) as line:
        read_for(line, WARM_UP)
        resident = resident_mb(line.pid)
        keys = latency(line, (COLUMNS, LINES), BARE, presses)
    return {
        "server ms: the sessions counted": counting,
        "start s: one line with psycopg and Textual": statistics.median(starts),
        "memory MB: Textual and psycopg": resident,
        **{f"{name}: two screens of one line": value for name, value in keys.items()},
    }


@contextmanager
def bare(bench: Bench, cluster: Cluster) -> Iterator[TerminalLine]:
    """`bare.py` as soon as it shows a number."""
    line = TerminalLine([sys.executable, HERE / "bare.py", cluster.conninfo(user=MONITOR)], bench.env, COLUMNS, LINES)
    try:
        while b" sessions" not in line.output:
            line.read(0.05)
        yield line
    finally:
        line.close()


# --- telling ---------------------------------------------------------------------------------------------------------


def tell(sessions: int, figures: Figures) -> list[dict[str, Any]]:
    print(f"\n{f'{sessions} sessions':<22}{PEER:>14}{'overview':>18}{'sessions':>18}   aim")
    rows = []
    for name, of_programs in figures.items():
        medians = {program: statistics.median(values) for program, values in of_programs.items()}
        aims = [aim for aim in AIMS if aim.figure == name and sessions in aim.sessions]
        rows.append({"figure": name, "sessions": sessions, "medians": medians, "rounds": dict(of_programs)})
        cells = "".join(f"{_cell(program, medians):>{width}}" for program, width in WIDTHS)
        print(f"{name:<22}{cells}   {', '.join(_judged(aim, medians) for aim in aims)}", flush=True)
    return rows


WIDTHS = ((PEER, 14), ("overview", 18), ("sessions", 18))


def _cell(program: str, medians: dict[str, float]) -> str:
    if program not in medians:
        return "-"
    value, theirs = medians[program], medians.get(PEER)
    return f"{value:.2f}" + (f" ({value / theirs:.2f}x)" if theirs and program != PEER else "")


def _judged(aim: Aim, medians: dict[str, float]) -> str:
    if aim.program not in medians or (not aim.absolute and not medians.get(PEER)):
        return ""
    value = medians[aim.program] if aim.absolute else medians[aim.program] / medians[PEER]
    return f"{aim.program} {'<=' if value <= aim.most else 'NOT <='} {aim.most:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description="what a refresh, a key and a start cost, beside pg_activity")
    parser.add_argument("--sessions", type=int, action="append", help="may be repeated (100, 1000 and 3500)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each is measured")
    parser.add_argument("--presses", type=int, default=4, help="of each key in a round")
    parser.add_argument("--crowd", choices=("busy", "calm"), default="busy")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    chosen = parser.parse_args()
    told: list[dict[str, Any]] = []
    for sessions in chosen.sessions or (100, 1000, 3500):
        with bench_of(sessions) as (bench, cluster):
            bench.let_crowd(chosen.crowd)
            time.sleep(3.0)
            print(f"\nPostgreSQL {cluster.installation.version}, {chosen.crowd} crowd ({bench.states()})", flush=True)
            print(f"{COLUMNS}x{LINES}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
            told += tell(sessions, measure(bench, cluster, chosen.rounds, chosen.seconds, chosen.presses))
            for name, value in limits(bench, cluster, 3 * chosen.presses * chosen.rounds).items():
                told.append({"limit": name, "sessions": sessions, "value": value})
                print(f"limit, {name}: {value:.1f}", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
