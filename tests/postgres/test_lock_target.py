"""Locks in words."""

import pytest

from pgheadroom.postgres.lock_target import LockRow, lock_target

EMPTY = LockRow("", *[None] * 11)
ORDERS = EMPTY._replace(database=5, relation=16384, relation_name="r:public.orders")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ORDERS._replace(locktype="relation"), "table public.orders"),
        (ORDERS._replace(locktype="extend"), "extension of table public.orders"),
        (ORDERS._replace(locktype="tuple", page=0, tuple_=7), "row (0,7) of table public.orders"),
        (ORDERS._replace(locktype="relation", relation_name="i:public.o_pkey"), "index public.o_pkey"),
        (ORDERS._replace(locktype="relation", relation_name="?:public.o"), "relation public.o"),
        (ORDERS._replace(locktype="relation", relation_name=None), "relation 16384 in database shop"),
        (EMPTY._replace(locktype="transactionid", transactionid="733"), "transaction 733"),
        (EMPTY._replace(locktype="virtualxid", virtualxid="3/12"), "virtual transaction 3/12"),
        (
            EMPTY._replace(locktype="object", database=5, classid=2615, objid=99, class_name="pg_namespace"),
            "pg_namespace 99 in database shop",
        ),
        (EMPTY._replace(locktype="object", database=0, classid=1260, objid=10, class_name="pg_authid"), "pg_authid 10"),
        (
            EMPTY._replace(locktype="advisory", database=5, classid=0, objid=42, objsubid=1),
            "advisory lock 42 in database shop",
        ),
        (
            EMPTY._replace(locktype="advisory", database=5, classid=0xFFFFFFFF, objid=0xFFFFFFFE, objsubid=1),
            "advisory lock -2 in database shop",
        ),
        (
            EMPTY._replace(locktype="advisory", database=5, classid=7, objid=0xFFFFFFFF, objsubid=2),
            "advisory lock (7, -1) in database shop",
        ),
        (EMPTY._replace(locktype="frozenid", database=5), "frozenid in database shop"),
    ],
)
def test_words(row: LockRow, words: str) -> None:
    assert lock_target(row, "shop") == words
