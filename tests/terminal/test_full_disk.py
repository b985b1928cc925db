"""No room for the audit file: it is said, nothing is signalled, and the monitor goes on."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, fetch, wait_until
from terminal.emulator import PROGRAM, Terminal

LIMITED: list[str | Path] = ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "-", PROGRAM]
"""The program, under a limit for the size of files: the one kind of full disk that anybody can make."""
SHOP = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop'"


@pytest.fixture
def shop(role: Roles, sessions: Sessions) -> "psycopg.Connection[Any]":
    (one,) = sessions(1, role("web"), application_name="shop")
    return one


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A file system of 64 KiB without a free byte, where we may make one."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True)
    if made.returncode:
        pytest.skip("this user may not mount")
    try:
        (folder / "pgheadroom").mkdir()
        with pytest.raises(OSError, match="No space left"):
            (folder / "filler").write_bytes(bytes(80_000))
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def terminate(command: Sequence[str | Path], environment: Mapping[str, str], *flags: str) -> tuple[int, str]:
    done = subprocess.run([*command, "terminate", *flags], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_without_a_screen(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    shop: "psycopg.Connection[Any]",
    environment: dict[str, str],
) -> None:
    asked = ("--application", "shop", "--yes", one_server.conninfo())
    code, said = terminate(LIMITED, environment, *asked)
    assert (code, said.count("\n")) == (1, 1)
    assert "actions.jsonl cannot be written (File too large): nothing was signalled" in said
    assert fetch(superuser, SHOP) == 1
    code, said = terminate(LIMITED, environment, "--no-audit", *asked)
    assert (code, said.count("\n")) == (0, 1)
    assert "actions.jsonl cannot be written (File too large): not recorded" in said
    assert fetch(superuser, SHOP) == 0


def test_on_a_disk_that_is_full(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    shop: "psycopg.Connection[Any]",
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    asked = ("--application", "shop", "--yes", one_server.conninfo())
    with full_disk(tmp_path / "state"):
        code, said = terminate([PROGRAM], environment, *asked)
        assert (code, said.count("\n")) == (1, 1)
        assert "No space left on device): nothing was signalled" in said
        assert fetch(superuser, SHOP) == 1
        # There is room again: what was torn is on a line of its own.
        (tmp_path / "state" / "filler").unlink()
        assert terminate([PROGRAM], environment, *asked) == (0, "")
        whole = [line for line in (tmp_path / "state/pgheadroom/actions.jsonl").read_text().splitlines() if line]
        assert [json.loads(line)["event"] for line in whole[-2:]] == ["intended", "result"]


@pytest.mark.parametrize("flags", [[], ["--no-audit"]])
def test_on_the_screen(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    shop: "psycopg.Connection[Any]",
    environment: dict[str, str],
    flags: Sequence[str],
) -> None:
    terminal = Terminal([*LIMITED, *flags, one_server.conninfo()], environment, 160, 40)
    try:
        terminal.wait_for("SLOTS").press("2").wait_for("▸ SESSIONS").wait_without("HOGS")
        terminal.press("/", "app:shop").wait_for("/app:shop").press("Enter").wait_for("▸ SESSIONS")
        terminal.press("K").confirm("Terminate 1 session?")
        if flags:
            wait_until(lambda: fetch(superuser, SHOP) == 0, "it was signalled")
            terminal.wait_for_match(r"File\s+too\s+large\):\s+not\s+recorded")
        else:
            terminal.wait_for_match(r"File\s+too\s+large\):\s+nothing\s+was\s+signalled")
            assert fetch(superuser, SHOP) == 1
        taken = fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        terminal.press("Esc", "1").wait_for(f"SLOTS {taken}/").press("q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
