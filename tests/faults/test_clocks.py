"""The client's clock is an hour off: every age is that of the server's clock."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import Sessions, fetch, wait_until
from terminal.emulator import Terminal
from wire import Wire

WIDE = {"columns": 160, "lines": 40}
HOUR = 3600
ABOUT_AN_HOUR = r"\b(1h0|5\dm(?!s)|60m(?!s))"  # not a round trip of 50ms

# Python reads it at its start. `isinstance` has to go on taking the datetimes that psycopg makes in C.
SHIFTED = """
import datetime, os, time

SHIFT, real, seconds = float(os.environ["CLOCK_SHIFT"]), datetime.datetime, time.time

class Kind(type):
    def __instancecheck__(cls, one):
        return isinstance(one, real)

class Shifted(real, metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + datetime.timedelta(seconds=SHIFT)

datetime.datetime = Shifted
time.time = lambda: seconds() + SHIFT
"""


@pytest.fixture
def shifted(tmp_path: Path) -> Callable[[float], dict[str, str]]:
    """Variables that put the program's clock forward by so many seconds."""
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIFTED)

    def by(seconds: float) -> dict[str, str]:
        variables = {"PYTHONPATH": str(folder), "CLOCK_SHIFT": str(seconds)}
        asked = [sys.executable, "-c", "from datetime import datetime; print(datetime.now().timestamp())"]
        said = float(subprocess.run(asked, env=variables, capture_output=True, text=True, check=True).stdout)
        assert abs(said - time.time() - seconds) < 60
        return variables

    return by


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_ages_are_those_of_the_server(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    sessions: Sessions,
    wire: Wire,
    monitor: Callable[..., Terminal],
    shifted: Callable[[float], dict[str, str]],
    ahead: int,
) -> None:
    holder, waiter = sessions(2, application_name="shop")
    holder.execute("BEGIN; SELECT pg_advisory_lock(7)")
    waiter.pgconn.send_query(b"SELECT pg_advisory_lock(7)")
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
    wait_until(lambda: fetch(superuser, waits) == 1, "one waits")
    terminal = monitor(wire.conninfo(), **WIDE, **shifted(ahead))
    pid, behind = holder.info.backend_pid, waiter.info.backend_pid
    terminal.wait_for_match(r"idle in transaction +1 +\d+% +\d+s").wait_for_match(rf"└ {behind} +0 +\d+s")
    terminal.wait_for_match(r"shop .* 2 .* \d+s +-")
    for key, title in (("2", "▸ SESSIONS"), ("3", "▸ LOCK WAITS"), ("t", "▸ FINDINGS")):
        terminal.press(key).wait_for(title).pump(1.2)
        assert not re.search(ABOUT_AN_HOUR, terminal.screen()), terminal.screen()
    terminal.press("2").wait_for_match(rf"{pid} .*idle in tx +\d+s +\d+s")
    terminal.press("/", f"pid:{pid}").wait_for(f"SESSIONS  /pid:{pid}").press("Enter").wait_for("▸ SESSIONS").pump(0.3)
    terminal.press("Enter").wait_for(f"SESSION {pid}").pump(0.5)
    assert not re.search(ABOUT_AN_HOUR, terminal.screen()), terminal.screen()
    # How long nothing has come is told by our clock alone, beginning and end.
    wire.silence()
    terminal.press("Esc", "Esc", "1").wait_for_match(r"STALE \d+s").wait_for_match(r"✗ no answer for .* for \d+s")
    wire.resume()
    holder.close()
    waiter.pgconn.get_result()
