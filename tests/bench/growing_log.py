"""What reading a server's log costs while it grows by 50 MB a second: bytes read and skipped, our CPU and the server's.

    python tests/bench/growing_log.py [--megabytes 50] [--samples 10] [--version 18] [--format csvlog]

Every second 20 of its lines are refusals. What a sample reads is bounded, so that the cost must not depend on how fast
the log grows: beside it stands the same server with a log that hardly grows.
"""

import argparse
import asyncio
import threading
import time
from pathlib import Path
from statistics import median

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.installation import installation
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.server_log.over_sql import MOST

CSV = '2026-11-28 19:00:17.124 UTC,"web","shop",73,"10.0.0.6:4411",65b.49,1,"",,,0,{},"{}",,,,,,,,,"","",,0\n'
TEXT = "2026-11-28 19:00:17.124 UTC [73] web@shop 10.0.0.6 {}:  {}\n"
BURST = 0.02


def lines(kind: str, count: int) -> bytes:
    """So many lines of about a kilobyte, the last of which is a refusal."""
    form, ordinary, refused = (CSV, "LOG,00000", "FATAL,53300") if kind == "csvlog" else (TEXT, "LOG", "FATAL")
    block = form.format(ordinary, "x" * 900) * (count - 1)
    return (block + form.format(refused, "sorry, too many clients already")).encode()


def grow(log: Path, kind: str, megabytes: float, over: threading.Event) -> None:
    """Append at this speed, in bursts."""
    block = lines(kind, max(2, int(megabytes * 1e6 * BURST / 1000)))
    began, written = time.monotonic(), 0
    with log.open("ab", buffering=0) as file:
        while not over.is_set():
            file.write(block)
            written += len(block)
            over.wait(max(0.0, written / (megabytes * 1e6) - (time.monotonic() - began)))


async def measure(cluster: Cluster, kind: str, megabytes: float, samples: int) -> None:
    probe = await Probe.open(cluster.conninfo())
    await probe.sample()
    suffix = {"csvlog": "csv", "jsonlog": "json"}.get(kind, "log")
    log, over = next((cluster.data / "log").glob(f"*.{suffix}")), threading.Event()
    writer = threading.Thread(target=grow, args=(log, kind, megabytes, over))
    size, began = log.stat().st_size, time.monotonic()
    writer.start()
    cpu: list[float] = []
    took: list[float] = []
    skipped = counted = 0
    for _ in range(samples):
        await asyncio.sleep(1)
        before, started = time.thread_time(), time.perf_counter()
        refusals = (await probe.sample()).refusals
        cpu.append(time.thread_time() - before)
        took.append(time.perf_counter() - started)
        if refusals is not None:
            skipped, counted = skipped + refusals.skipped, counted + refusals.no_room
    seconds = time.monotonic() - began
    over.set()
    writer.join()
    grown = log.stat().st_size - size
    print(
        f"{kind} at {grown / seconds / 1e6:5.1f} MB/s: a sample takes {1000 * median(took):.0f} ms "
        f"(most {1000 * max(took):.0f}), {1000 * median(cpu):.0f} ms of our CPU, "
        f"{1000 * probe._log.budget.cost:.1f} ms of the server; {grown / 1e6:.0f} MB grown, "
        f"{skipped / 1e6:.0f} MB skipped (at most {MOST / 1000:.0f} kB a sample are read); {counted} refusals seen"
    )
    await probe.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--version", type=int, default=18)
    parser.add_argument("--format", default="csvlog", choices=("csvlog", "stderr"))
    given = parser.parse_args()
    settings = {
        "logging_collector": "on",
        "log_destination": given.format,
        "log_rotation_size": 0,
        "log_line_prefix": "'%m [%p] %q%u@%d %h '",
    }
    with Playground() as ground:
        cluster = Cluster.create(ground, installation(given.version), "log", settings=settings)
        cluster.start()
        for megabytes in (0.02, given.megabytes):
            asyncio.run(measure(cluster, given.format, megabytes, given.samples))
        cluster.stop("immediate")


if __name__ == "__main__":
    main()
