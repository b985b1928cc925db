"""What a check costs from its start to its end, beside `psql -c 'select 1'` and check_postgres.

    python tests/bench/check.py [--times 20]

Each is run in turn against one local server: the quickest, the median, and the least processor time, in seconds. On a
busy machine only the last tells much. check_postgres is Debian's package of that name; where it is not installed it is
left out. Run by `make bench`.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pgheadroom.demo.servers.cluster import Cluster, find_installations  # noqa: E402
from pgheadroom.demo.servers.playground import Playground  # noqa: E402
from servers import wait_until  # noqa: E402

PROMISED = 0.35
"""Seconds for the whole process against a local server."""


def once(command: Sequence[str], env: Mapping[str, str]) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def programs(cluster: Cluster, agent: str) -> dict[str, list[str]]:
    ours = str(Path(sysconfig.get_path("scripts")) / "pgheadroom")
    found = {
        "pgheadroom check": [ours, "check", cluster.conninfo()],
        "the same --agent": [ours, "check", "--agent", agent],
        "import psycopg": [sys.executable, "-c", "import psycopg"],
    }
    # The program itself: in PATH Debian has a wrapper in Perl.
    if psqls := sorted(Path("/usr/lib/postgresql").glob("*/bin/psql")):
        found["psql -c select 1"] = [str(psqls[-1]), "-X", "-c", "select 1", cluster.conninfo()]
    if (theirs := shutil.which("check_postgres")) is not None:
        where = [f"--host={cluster.folder}", f"--port={cluster.port}", "--dbuser=postgres", "--dbname=postgres"]
        found["check_postgres"] = [theirs, "--action=backends", *where]
    return found


def answers(agent: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{agent}/-/ready", timeout=10) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description="what a check costs")
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    with Playground() as ground, tempfile.TemporaryDirectory() as home:
        cluster = Cluster.create(ground, find_installations()[0], "bench", settings={"max_connections": 100})
        cluster.start()
        env = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        with socket.create_server(("127.0.0.1", 0)) as free:
            place = f"127.0.0.1:{free.getsockname()[1]}"
        compared = programs(cluster, place)
        command = [compared["pgheadroom check"][0], "agent", "--listen", place, cluster.conninfo()]
        with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as agent:
            wait_until(lambda: answers(place), "the agent has a sample")
            runs = [{name: once(each, env) for name, each in compared.items()} for _ in range(times)]
            agent.terminate()
        cluster.stop("immediate")
    print(f"\na check from start to end, s, of {times} (promised: {PROMISED})")
    print(f"{'':<20}{'quickest':>10}{'median':>10}{'processor':>11}")
    for name in compared:
        wall, spent = zip(*(run[name] for run in runs), strict=True)
        print(f"{name:<20}{min(wall):>10.3f}{statistics.median(wall):>10.3f}{min(spent):>11.3f}")


if __name__ == "__main__":
    main()
