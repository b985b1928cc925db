"""What the agent costs: processor time and memory with one target and with ten, a thousand sessions each.

    python tests/bench/agent.py [--sessions 1000] [--seconds 30] [--targets 1 10]

The ten are ten names of one server. A scraper asks for /metrics every second. Processor time is the process's own, from
/proc, so that other load on the machine changes it little. Run by `make bench`.
"""

import argparse
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.compare import MONITOR, bench_of  # noqa: E402
from bench.footprint import cpu_seconds, resident_mb  # noqa: E402

WARM_UP = 10.0


def measure(targets: int, conninfo: str, seconds: float, order: str) -> str:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as home:
        config = Path(home) / "config.toml"
        config.write_text("".join(f'[targets.t{number}]\nconninfo = "{conninfo}"\n' for number in range(targets)))
        with socket.create_server(("127.0.0.1", 0)) as free:
            place = f"127.0.0.1:{free.getsockname()[1]}"
        command = [str(Path(sysconfig.get_path("scripts")) / "pgheadroom"), "agent", "--config", str(config)]
        command += ["--listen", place, *(f"t{number}" for number in range(targets))]
        env = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as agent:
            try:
                scrape_for(place, WARM_UP)
                spent, samples, began = cpu_seconds(agent.pid), samples_of(place), time.monotonic()
                size = scrape_for(place, seconds)
                spent, samples = cpu_seconds(agent.pid) - spent, samples_of(place) - samples
                took = time.monotonic() - began
                memory = resident_mb(agent.pid)
            finally:
                agent.terminate()
    each = 1000 * spent / max(1, samples)
    return (
        f"{order:<6}{targets:>8}{100 * spent / took:>9.1f} %{each:>14.1f}{samples / took / targets:>16.2f}"
        f"{memory:>10.1f}{size / 1000:>12.0f}"
    )


def scrape_for(place: str, seconds: float) -> int:
    """Scrape every second; the size of the last answer."""
    ends, size = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        time.sleep(1.0)
        size = len(scrape(place))
    return size


def scrape(place: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=60) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def samples_of(place: str) -> int:
    lines = (line for line in scrape(place).splitlines() if line.startswith("pgheadroom_samples_total"))
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(description="what the agent costs")
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each is measured")
    parser.add_argument("--targets", type=int, nargs="+", default=[1, 10])
    chosen = parser.parse_args()
    with bench_of(chosen.sessions) as (bench, cluster):
        print(f"\nthe agent, {chosen.sessions} sessions a target, PostgreSQL {cluster.installation.version}")
        print("crowd  targets        CPU  ms a sample  samples/s each    RSS MB  kB a scrape")
        for order in ("busy", "calm"):
            bench.let_crowd(order)
            for targets in chosen.targets:
                print(measure(targets, cluster.conninfo(user=MONITOR), chosen.seconds, order), flush=True)


if __name__ == "__main__":
    main()
