"""When the lock table is read for strong locks that nobody waits for yet."""

from types import SimpleNamespace
from typing import Any

from pgheadroom.model.session import State
from pgheadroom.postgres.held_locks import EVERY, HeldLocks
from pgheadroom.postgres.rows import Activity
from samples import session

CATALOGUE: Any = SimpleNamespace(facts=SimpleNamespace(version_num=180_004, database_oid=5))
IDLER = Activity((session(7, State.IDLE_IN_TRANSACTION),), (), exact=True, leaders={})
NOBODY = Activity((session(7, State.IDLE),), (), exact=True, leaders={})


def test_it_is_read_now_and_then_and_only_while_somebody_idles_in_a_transaction() -> None:
    held = HeldLocks()
    assert not held.questions(NOBODY, 0.0, CATALOGUE)
    assert held.questions(IDLER, 1.0, CATALOGUE)
    assert not held.questions(IDLER, 1.0 + 0.9 * EVERY, CATALOGUE)
    assert held.questions(IDLER, 1.0 + EVERY, CATALOGUE)


def test_a_table_of_many_locks_is_read_less_often() -> None:
    held = HeldLocks()
    for moment in (0.0, EVERY):
        assert held.questions(IDLER, moment, CATALOGUE)
        held.budget.asked(moment, cost=0.4)
    assert not held.questions(IDLER, 2 * EVERY, CATALOGUE)
    assert held.questions(IDLER, EVERY + 0.4 / held.budget.share, CATALOGUE)
