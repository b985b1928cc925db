"""A server's log in a local file, or as a command writes it: what is appended is counted, and nothing ever waits."""

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgheadroom.live.log_following import MOST_A_SECOND, LogFollower
from pgheadroom.model.turned_away import Refusals
from servers import runs, wait_until

LINE = "FATAL:  sorry, too many clients already\n"


def stamped(seconds_ago: float = 0.0) -> str:
    moment = datetime.fromtimestamp(time.time() - seconds_ago, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.000 UTC [7] {LINE}"


class Followed:
    """A follower, with all that it has told so far."""

    def __init__(self, given: str) -> None:
        self.follower = LogFollower(given)
        self.told: list[Refusals] = []
        self.trouble = ""

    def count(self) -> int:
        refusals, self.trouble = self.follower.take(datetime.now(UTC))
        if refusals is not None:
            self.told.append(refusals)
        return sum(one.no_room for one in self.told)

    def begin(self) -> "Followed":
        self.follower.begin()
        wait_until(lambda: self.count() >= 0 and not self.trouble, "it is read")
        return self

    def reaches(self, count: int) -> None:
        wait_until(lambda: self.count() >= count, f"{count} are counted")
        assert self.count() == count


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "server.log"
    path.write_text(stamped(300) * 4 + stamped(5) * 3)
    return path


@pytest.fixture
def followed(log: Path) -> Iterator[Followed]:
    made = Followed(str(log))
    yield made
    made.follower.close()


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_the_minute_before_is_counted_and_then_what_is_appended_also_after_a_rotation(
    log: Path, followed: Followed
) -> None:
    followed.begin().reaches(3)
    assert followed.told[0].before
    append(log, stamped() * 2 + LINE[:20])
    followed.reaches(5)
    append(log, LINE[20:])
    followed.reaches(6)
    log.rename(log.with_suffix(".1"))
    log.write_text(LINE * 4)
    followed.reaches(10)
    log.write_text("")
    append(log, LINE)
    followed.reaches(11)


def test_of_a_file_that_grows_faster_only_the_end_is_read_and_the_rest_is_said(log: Path, followed: Followed) -> None:
    followed.begin().reaches(3)
    append(log, ("x" * 99 + "\n") * (MOST_A_SECOND // 20) + LINE * 2)
    followed.reaches(5)
    assert sum(one.skipped for one in followed.told) > MOST_A_SECOND


def test_a_file_that_is_not_there_is_told_and_read_once_it_is(tmp_path: Path) -> None:
    made = Followed(str(tmp_path / "later.log"))
    made.follower.begin()
    wait_until(lambda: made.count() == 0 and "No such file" in made.trouble, "it is told")
    (tmp_path / "later.log").write_text(stamped() * 2)
    made.reaches(2)
    made.follower.close()


def test_a_command_is_read_and_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    made = Followed(f"|echo $$ > {pid}; printf '{LINE[:-1]}\\n{LINE[:-1]}\\n'; sleep 1000; true").begin()
    made.reaches(2)
    shell = int(pid.read_text())
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(shell)], capture_output=True, text=True, check=False)
    made.follower.close()
    assert not runs(shell)
    for child in children.stdout.split():
        wait_until(lambda child=child: not runs(int(child)), "the command's own command has ended")  # type: ignore[misc]


def test_a_command_that_ends_is_told() -> None:
    made = Followed("|exit 3")
    made.follower.begin()
    wait_until(lambda: made.count() == 0 and "has ended, with 3" in made.trouble, "it is told")
    made.follower.close()


def test_a_log_that_does_not_answer_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "silent")
    made = Followed(str(tmp_path / "silent"))
    made.follower.begin()
    assert made.count() == 0
    assert "not read yet" in made.trouble
    # Nobody writes: to open it waits for ever, in a thread that nobody waits for.
    writer = os.open(tmp_path / "silent", os.O_RDWR)
    made.follower.close()
    os.close(writer)
