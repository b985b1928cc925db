"""Who blocks whom directly, from the holders and the queue of each lock that is waited for. Linear in both.

As the server decides it (PostgreSQL, src/backend/storage/lmgr/README and proc.c, ProcSleep): a waiter is held up by
those who hold the lock in a conflicting mode, and by those ahead of it in the queue who want it in one. Of these the
nearest is enough: what holds up the others holds up the nearest, too, or is among the waiter's own holders. Members of
a parallel group never hold up each other, and count as their leader.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.lock_modes import CONFLICTS, conflicting

HOLDERS_REPEATED = 8
"""Where more hold a lock, only the first waiter of a mode names them all; the next names that one, and so on. Else a
thousand writers that wait for a thousand readers were a million edges, each second."""


class Holder(NamedTuple):
    """Who has a lock, in one mode; pid 0 is a prepared transaction."""

    pid: int
    mode: str


class Waiter(NamedTuple):
    """Who waits for a lock. `since` is None in the first instant of a wait, and before PostgreSQL 14."""

    pid: int
    mode: str
    since: datetime | None


class Queue(NamedTuple):
    """A lock that is waited for."""

    holders: Sequence[Holder]
    waiters: Sequence[Waiter]


Blockers = dict[int, tuple[int, ...]]
"""By the pid of a waiter (a leader's for its workers), those that hold it up directly; none where nobody is known."""


def direct_blockers(queues: Sequence[Queue], leaders: Mapping[int, int]) -> Blockers:
    """Holders first, then the one ahead.

    Args:
        leaders: Leader's pid by parallel worker's.
    """
    found: Blockers = {}
    for queue in queues:
        for pid, blockers in _Judge(queue, leaders).blockers():
            before = found.get(pid)
            found[pid] = tuple(dict.fromkeys(before + blockers)) if before else blockers
    return found


class _Judge:
    """One lock, with every process replaced by its leader."""

    def __init__(self, queue: Queue, leaders: Mapping[int, int]) -> None:
        self._held: dict[int, set[str]] = {}
        for pid, mode in queue.holders:
            self._held.setdefault(leaders.get(pid, pid), set()).add(mode)
        self._waiters = [Waiter(leaders.get(pid, pid), mode, since) for pid, mode, since in queue.waiters]
        self._holders: dict[str, tuple[int, ...]] = {}

    def blockers(self) -> list[tuple[int, tuple[int, ...]]]:
        ahead = _Ahead()
        found = []
        for waiter in self._in_order():
            nearest = ahead.nearest(waiter)
            found.append((waiter.pid, self._of(waiter, nearest)))
            ahead.add(waiter)
        return found

    def _of(self, waiter: Waiter, nearest: Waiter | None) -> tuple[int, ...]:
        holders = self._holding(waiter.mode)
        if waiter.pid in self._held:
            holders = tuple(pid for pid in holders if pid != waiter.pid)
        elif nearest is not None and nearest.mode == waiter.mode and len(holders) > HOLDERS_REPEATED:
            return (nearest.pid,)
        if nearest is None or nearest.pid in holders:
            return holders
        return (*holders, nearest.pid)

    def _holding(self, mode: str) -> tuple[int, ...]:
        """Who holds the lock in a mode that excludes this one: one tuple for all waiters of a mode."""
        if mode not in self._holders:
            exclude = conflicting(mode)
            self._holders[mode] = tuple(pid for pid, modes in self._held.items() if not exclude.isdisjoint(modes))
        return self._holders[mode]

    def _in_order(self) -> list[Waiter]:
        """By the moment at which they began to wait, those without one last.

        Who holds the lock in a mode that somebody in the queue must wait for stands before that one: else they would
        wait for each other (ProcSleep).
        """
        queue: list[Waiter] = []
        for waiter in sorted(self._waiters, key=lambda one: (one.since is None, one.since)):
            place = len(queue)
            mine = self._held.get(waiter.pid)
            if mine is not None:
                excluded = frozenset[str]().union(*(conflicting(mode) for mode in mine))
                others = (at for at, one in enumerate(queue) if one.pid != waiter.pid and one.mode in excluded)
                place = next(others, place)
            queue.insert(place, waiter)
        return queue


class _Ahead:
    """The part of a queue that has been walked: by mode the last waiter, and the last of another process than that."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[str, list[tuple[int, Waiter]]] = {}

    def add(self, waiter: Waiter) -> None:
        self._count += 1
        before = [entry for entry in self._last.get(waiter.mode, ()) if entry[1].pid != waiter.pid]
        self._last[waiter.mode] = [(self._count, waiter), *before[:1]]

    def nearest(self, waiter: Waiter) -> Waiter | None:
        """The last that wants a conflicting mode and is another process."""
        best: tuple[int, Waiter] | None = None
        for mode, entries in self._last.items():
            if mode not in CONFLICTS or waiter.mode not in CONFLICTS[mode]:
                continue
            for entry in entries:
                if entry[1].pid != waiter.pid:
                    best = entry if best is None or entry[0] > best[0] else best
                    break
        return best[1] if best is not None else None
