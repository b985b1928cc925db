"""A command to a PgBouncer: written down before it is given, and after it whatever came of it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgheadroom.acting.bouncers import give
from pgheadroom.audit import Audit
from pgheadroom.errors import AuditFailed, PgHeadroomError, UsageError
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandOutcome, CommandResult

PAUSE = BouncerCommand(BouncerVerb.PAUSE, "shop")


class Console:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.given: list[tuple[str, BouncerCommand]] = []

    async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
        self.given.append((bouncer, command))
        if self.error is not None:
            raise self.error
        return CommandResult(command, CommandOutcome.UNDONE, "taken back")


Given = Callable[[Console | None], tuple[Console | None, Audit]]


@pytest.fixture
def powers(tmp_path: Path) -> Given:
    return lambda console: (console, Audit(tmp_path / "actions.jsonl"))


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in (tmp_path / "actions.jsonl").read_text().splitlines()]


async def test_it_is_written_down_given_and_written_down_again(
    powers: Given, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    console = Console()
    given = await give(PAUSE, "pgb1", "Holds 3 clients.", *powers(console))
    assert console.given == [("pgb1", PAUSE)]
    assert given.sentence == "PAUSE shop: undone: taken back"
    before, after = audited()
    assert (before["pgbouncer"], before["command"], before["expected"]) == ("pgb1", "PAUSE shop", "Holds 3 clients.")
    assert (after["action"], after["outcome"], after["message"]) == (before["action"], "undone", "taken back")


async def test_what_cannot_be_written_down_is_not_given(powers: Given, tmp_path: Path) -> None:
    (tmp_path / "actions.jsonl").mkdir()
    console = Console()
    with pytest.raises(AuditFailed, match="the command was not given"):
        await give(PAUSE, "pgb1", "", *powers(console))
    assert console.given == []


async def test_a_command_that_is_not_given_has_a_result_too(
    powers: Given, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    given = await give(PAUSE, "pgb1", "", *powers(Console(PgHeadroomError("there is no PgBouncer pgb1"))))
    assert given.sentence == "PAUSE shop: refused: there is no PgBouncer pgb1"
    assert [(line["event"], line.get("outcome")) for line in audited()] == [("intended", None), ("result", "refused")]


async def test_whoever_leaves_before_the_answer_leaves_a_line(
    powers: Given, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    with pytest.raises(asyncio.CancelledError):
        await give(PAUSE, "pgb1", "", *powers(Console(asyncio.CancelledError())))
    assert (audited()[-1]["outcome"], audited()[-1]["message"][:11]) == ("uncertain", "interrupted")


async def test_without_consoles_nothing_is_given(powers: Given) -> None:
    with pytest.raises(UsageError):
        await give(PAUSE, "pgb1", "", *powers(None))
