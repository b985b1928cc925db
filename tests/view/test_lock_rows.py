"""The lock tree on few cells: pids whole at any depth, siblings told from last ones, the locked object first."""

from dataclasses import replace

import pytest

from pgheadroom.model.snapshot import LockRequest, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.view.tables.locks import LOCK_COLUMNS, lock_rows
from samples import NOW, session, snapshot, waiter


def drawn(sample: Snapshot, column: str) -> list[str]:
    find = next(one for one in LOCK_COLUMNS if one.name == column)
    return [find.cell(row, NOW).text for row in lock_rows(Case(sample, Thresholds()).locks, lambda _: None)]


def test_a_deep_chain_keeps_its_pids() -> None:
    chain = [session(4_000_000), *(waiter(4_000_000 + n, 4_000_000 + n - 1) for n in range(1, 9))]
    shown = drawn(snapshot(chain), "who")
    assert [text.split()[-1] for text in shown] == [str(4_000_000 + n) for n in range(9)]
    assert all(len(text) <= 14 for text in shown)
    assert shown[5:7] == ["   5 └ 4000005", "   6 └ 4000006"]


def test_siblings_are_told_from_the_last_one() -> None:
    forest = [session(1), waiter(2, 1), waiter(3, 2), waiter(4, 1), session(9), waiter(10, 9)]
    assert drawn(snapshot(forest), "who") == ["● 1", "├ 2", " └ 3", "└ 4", "● 9", "└ 10"]


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("row (0,1) of table public.orders", "public.orders row (0,1): Exclusive"),
        ("table public.orders", "public.orders: Exclusive"),
        ("partitioned table public.events", "public.events: Exclusive"),
        ("relation 16384 in database shop", "16384 in database shop: Exclusive"),
        ("transaction 733", "transaction 733: Exclusive"),
    ],
)
def test_the_object_comes_first(target: str, shown: str) -> None:
    request = LockRequest(2, "relation", "ExclusiveLock", target, NOW)
    sample = replace(snapshot([session(1), waiter(2, 1)]), lock_requests=(request,))
    assert drawn(sample, "what")[1] == shown
