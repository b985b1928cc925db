"""The end of a prepared transaction: written down before, done once, and looked for where the answer was lost."""

import json
from pathlib import Path

import pytest

from pgheadroom.acting.powers import Powers
from pgheadroom.acting.rolling_back import roll_back
from pgheadroom.audit import Audit
from pgheadroom.deadline import NoAnswer
from pgheadroom.errors import AuditFailed, NoConnection
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.snapshot import PreparedTransaction
from samples import snapshot
from tui.powers import FakeRollbacks, FakeServer

LEFT = PreparedTransaction("order-4711", "batch", "shop")


def powers(folder: Path, rollbacks: FakeRollbacks) -> Powers:
    return Powers(FakeServer(snapshot()), Audit(folder / "actions.jsonl"), rollbacks=rollbacks)


@pytest.mark.parametrize(
    ("error", "happened", "outcome", "said"),
    [
        (None, True, "done", "done"),
        (NoConnection("the connection was lost"), True, "done", "looked for since: it is gone"),
        (NoConnection("the connection was lost"), False, "refused", "looked for since: it is still there"),
        (NoAnswer("nothing was sent", asked=False), False, "refused", "nothing was sent"),
    ],
)
async def test_it_is_done_once_and_told_as_what_it_came_to(
    tmp_path: Path, error: Exception | None, happened: bool, outcome: str, said: str
) -> None:
    rollbacks = FakeRollbacks(error, happened)
    told = await roll_back(LEFT, "db1", "dba", powers(tmp_path, rollbacks))
    assert said in told
    assert rollbacks.asked == [LEFT]
    before, after = [json.loads(line) for line in (tmp_path / "actions.jsonl").read_text().splitlines()]
    assert (before["verb"], before["prepared"]["gid"]) == ("roll back prepared", "order-4711")
    assert (after["action"], after["outcome"]) == (before["action"], outcome)


async def test_what_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "actions.jsonl").mkdir()
    rollbacks = FakeRollbacks()
    with pytest.raises(AuditFailed):
        await roll_back(LEFT, "db1", "dba", powers(tmp_path, rollbacks))
    assert rollbacks.asked == []


async def test_what_the_server_says_is_told(tmp_path: Path) -> None:
    rollbacks = FakeRollbacks(answer=ChangeResult(ChangeOutcome.CHANGED, "it has ended already"))
    assert await roll_back(LEFT, "db1", "dba", powers(tmp_path, rollbacks)) == "changed before: it has ended already"
