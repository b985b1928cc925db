"""With --hide-literals no literal of a query text is shown or written, anywhere."""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, fetch, wait_until
from terminal.emulator import PROGRAM, Terminal

CARD = "4111222233334444"
NAME = "Ottilie"
QUERY = f"UPDATE people SET card = {CARD} /* for {NAME} */ WHERE name = '{NAME}'"
WIDE = {"columns": 180, "lines": 50}


@pytest.fixture
def people(
    superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions
) -> "Iterator[list[psycopg.Connection[Any]]]":
    """One session holds a row, idle in transaction; two wait for it."""
    superuser.execute("CREATE TABLE people (name text, card int8)")
    superuser.execute(f"INSERT INTO people VALUES ('{NAME}', 0)".encode())
    opened = sessions(3, role("web"), application_name="shop")
    superuser.execute("GRANT ALL ON people TO web")
    opened[0].execute(f"BEGIN; {QUERY}".encode())
    for waiter in opened[1:]:
        waiter.pgconn.send_query(QUERY.encode())
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    wait_until(lambda: fetch(superuser, waiting) == 2, "two wait")
    yield opened
    for one in opened:
        one.close()
    superuser.execute("DROP TABLE people")


def told(output: bytes | bytearray, folder: Path) -> set[str]:
    """Which of the literals are in the output, in what was copied, or in a file."""
    copied = b"".join(base64.b64decode(text) for text in re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)", output))
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return {literal for literal in (CARD, NAME) if literal.encode() in bytes(output) + copied + files}


@pytest.mark.parametrize("hidden", [True, False])
def test_on_the_screen_and_in_the_audit_file(
    one_server: Cluster,
    people: "list[psycopg.Connection[Any]]",
    on_sessions: Callable[..., Terminal],
    environment: dict[str, str],
    tmp_path: Path,
    hidden: bool,
) -> None:
    flags = ["--hide-literals"] if hidden else []
    terminal = on_sessions(one_server.conninfo(), *flags, only="state:idletx", **WIDE).wait_for("UPDATE people")
    terminal.press("Enter").wait_for("TIMEOUTS AT LOGIN")
    assert ("QUERY  literals hidden" in terminal.screen()) is hidden
    terminal.press("y").wait_for("a psql command").press("y").wait_for("clipboard").press("Esc", "Esc")
    terminal.press("3").wait_for("LOCK WAITS").wait_for("people").press("1").wait_for("STATES").press("t")
    terminal.wait_for("FINDINGS").press("2").wait_for("▸ SESSIONS").press("K").wait_for("Terminate 1 session?")
    terminal.wait_for("UPDATE people").pump(0.5).press("y").wait_for_match("(?i)freed|gone")
    terminal.press("B").wait_for_match("▸ TERMINATE [0-9]+ session").press("Esc", "q")
    assert terminal.wait() == 0
    audit = tmp_path / "state" / "pgheadroom" / "actions.jsonl"
    assert json.loads(audit.read_text().splitlines()[0])["targets"][0]["query"].startswith("BEGIN; UPDATE people")
    assert told(terminal.output, tmp_path) == (set() if hidden else {CARD, NAME})


@pytest.mark.parametrize("how", ["flag", "variable", "target", ""])
def test_in_what_is_printed(
    one_server: Cluster, people: "list[psycopg.Connection[Any]]", environment: dict[str, str], tmp_path: Path, how: str
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'[targets.here]\nconninfo = "{one_server.conninfo()}"\nhide_literals = {str(how == "target").lower()}\n'
    )
    variables = environment | ({"PGHEADROOM_HIDE_LITERALS": "1"} if how == "variable" else {})
    flags = ["--config", str(config), "here", *(["--hide-literals"] if how == "flag" else [])]
    output = b""
    for command in (
        ["snapshot"],
        ["snapshot", "--format", "json"],
        ["terminate", "--application", "shop"],
        ["terminate", "--application", "shop", "--format", "json"],
        ["terminate", "--filter", NAME],  # a filter sees what is shown
    ):
        done = subprocess.run([PROGRAM, *command, *flags], env=variables, capture_output=True, timeout=60, check=True)
        output += done.stdout.replace(b"terminate  " + NAME.encode(), b"")
    assert told(output, tmp_path) == ({CARD, NAME} if how == "" else set())
    assert (b'"literals_hidden": true' in output, b"comments are hidden" in output) == (bool(how), bool(how))
    assert (b"UPDATE people SET card = ?" in output) is bool(how)
    assert (b"no session to signal" in output) is bool(how)
