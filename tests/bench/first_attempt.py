"""When a program first knocks at a server, from the start of its process on, beside what its language needs for that.

    python tests/bench/first_attempt.py [--rounds 15] [--psql /usr/bin/psql]

In milliseconds, medians of interleaved rounds: `connects` until the server has the connection, `loads` until the
process has ended. No attempt of a Python program with psycopg can come before Python and psycopg are loaded.
"""

import argparse
import os
import pty
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

PORT = "PORT"
TARGET = ("-w", "-h", "127.0.0.1", "-p", PORT, "-d", "postgres", "-U", "watcher")
PROGRAM = "from pgheadroom.cli import program; program()"
CONNECTS = {
    "monitor": (sys.executable, "-c", PROGRAM, *TARGET),
    "snapshot": (sys.executable, "-c", PROGRAM, "snapshot", *TARGET),
    "terminate": (sys.executable, "-c", PROGRAM, "terminate", "--user", "web", *TARGET),
    "check": (sys.executable, "-c", PROGRAM, "check", "-h", "127.0.0.1", "-p", PORT, "-d", "postgres", "-U", "watcher"),
    "bare psycopg": (sys.executable, "-c", f"import psycopg; psycopg.connect('host=127.0.0.1 port={PORT}')"),
}
LOADS = {
    "Python": (sys.executable, "-c", "pass"),
    "asyncio": (sys.executable, "-c", "import asyncio"),
    "psycopg's libpq": (sys.executable, "-c", "import pgheadroom.postgres"),
}


def connects(command: Sequence[str], env: dict[str, str]) -> float:
    """Seconds until the first connection has arrived."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        master, slave = pty.openpty()
        began = time.monotonic()
        process = subprocess.Popen(
            [word.replace(PORT, port) for word in command], env=env, stdin=slave, stdout=slave, stderr=slave
        )
        try:
            listener.settimeout(30)
            listener.accept()[0].close()
            return time.monotonic() - began
        finally:
            process.kill()
            process.wait()
            os.close(master)
            os.close(slave)


def loads(command: Sequence[str], env: dict[str, str]) -> float:
    """Seconds until it has ended."""
    began = time.monotonic()
    subprocess.run(command, env=env, check=True)
    return time.monotonic() - began


def told(rounds: int, psql: str) -> str:
    """One line with all of it."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {"TERM": "xterm-256color"}
    asked = {"psql": (psql, *TARGET), **CONNECTS}
    took: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        one = {name: connects(command, env) for name, command in asked.items()}
        one |= {name: loads(command, env) for name, command in LOADS.items()}
        for name, seconds in one.items() if number else ():  # the first round writes byte code
            took.setdefault(name, []).append(seconds)
    median = {name: f"{name} {1000 * statistics.median(each):.0f}" for name, each in took.items()}
    first, limits = (", ".join(median[name] for name in names) for names in (asked, LOADS))
    return f"first attempt, ms after the start of the process: {first}; to load alone: {limits}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--psql", default=shutil.which("psql") or "psql")
    arguments = parser.parse_args()
    print(told(arguments.rounds, arguments.psql))


if __name__ == "__main__":
    main()
