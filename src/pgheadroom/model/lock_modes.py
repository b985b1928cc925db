"""Which lock modes conflict: the same eight for every kind of object, advisory locks included.

Source: the manual, 13.3 "Explicit Locking", table of conflicting lock modes; PostgreSQL, LockConflicts in
src/backend/storage/lmgr/lock.c. The names are those of `pg_locks.mode`.
"""

from collections.abc import Mapping

_CONFLICTS = {
    "AccessShareLock": "AccessExclusiveLock",
    "RowShareLock": "ExclusiveLock AccessExclusiveLock",
    "RowExclusiveLock": "ShareLock ShareRowExclusiveLock ExclusiveLock AccessExclusiveLock",
    "ShareUpdateExclusiveLock": "ShareUpdateExclusiveLock ShareLock ShareRowExclusiveLock ExclusiveLock"
    " AccessExclusiveLock",
    "ShareLock": "RowExclusiveLock ShareUpdateExclusiveLock ShareRowExclusiveLock ExclusiveLock AccessExclusiveLock",
    "ShareRowExclusiveLock": "RowExclusiveLock ShareUpdateExclusiveLock ShareLock ShareRowExclusiveLock ExclusiveLock"
    " AccessExclusiveLock",
    "ExclusiveLock": "RowShareLock RowExclusiveLock ShareUpdateExclusiveLock ShareLock ShareRowExclusiveLock"
    " ExclusiveLock AccessExclusiveLock",
    "AccessExclusiveLock": "AccessShareLock RowShareLock RowExclusiveLock ShareUpdateExclusiveLock ShareLock"
    " ShareRowExclusiveLock ExclusiveLock AccessExclusiveLock",
}

CONFLICTS: Mapping[str, frozenset[str]] = {mode: frozenset(others.split()) for mode, others in _CONFLICTS.items()}
"""By mode, those that exclude it. It is symmetric."""

NOTHING_KNOWN: frozenset[str] = frozenset()


def conflicting(mode: str) -> frozenset[str]:
    """The modes that exclude this one; none for a mode that we do not know."""
    return CONFLICTS.get(mode, NOTHING_KNOWN)
