"""A channel that is a program."""

import json
from pathlib import Path

import pytest

from notify.staged import message
from pgheadroom.notify.outbox import NotSent
from pgheadroom.notify.program import Program
from pgheadroom.notify.wording import document
from servers import runs, wait_until

TOKEN = "s3cr3t-t0ken"


def shell(script: str, *arguments: str, deadline: float = 60.0) -> Program:
    return Program("pager", ["/bin/sh", "-c", script, "sh", *arguments], deadline)


async def test_it_gets_the_message_as_json_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await shell('cat > "$1"; echo "$2" >> "$1"', str(out), "$(id); *").send(message())
    first, second = out.read_text().split("}\n")[0], out.read_text().splitlines()[-1]
    assert json.loads(document(message()))["title"] in first
    assert second.endswith("$(id); *")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo; echo 'no such pager'; echo more; exit 3", "the program ended with exit code 3: no such pager"),
        ("echo $1 --token=$1 >&2; exit 1", "the program ended with exit code 1: *** --token=***"),
        ("printf '\\033[31mred\\n'; exit 1", "the program ended with exit code 1: \ufffd[31mred"),
        ("kill -9 $$", "the program ended with signal 9"),
        ("yes | head -c 3000000; exit 1", "the program ended with exit code 1: y"),
    ],
)
async def test_why_it_failed_is_told_in_a_line_without_its_arguments(script: str, said: str) -> None:
    with pytest.raises(NotSent) as raised:
        await shell(script, TOKEN).send(message())
    assert str(raised.value) == said
    assert TOKEN not in repr(raised.value)


@pytest.mark.parametrize(
    ("command", "said"),
    [(["/no/such/program", TOKEN], "No such file"), (["/etc"], "Permission denied"), (["a\0b"], "wrong arguments")],
)
async def test_a_program_that_does_not_start_is_told(command: list[str], said: str) -> None:
    with pytest.raises(NotSent, match=said) as raised:
        await Program("pager", command).send(message())
    assert TOKEN not in str(raised.value)


async def test_a_program_that_reads_nothing_of_what_it_is_told_has_done_its_work() -> None:
    await shell("exec <&-; exit 0").send(message(findings=message().findings * 2000))


async def test_who_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(NotSent, match=r"did not end within 0\.5 s"):
        await shell('sleep 1000 & echo $! > "$1"; echo $$ >> "$1"; sleep 1000', str(pids), deadline=0.5).send(message())
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not runs(pid), "it is gone")  # type: ignore[misc]
