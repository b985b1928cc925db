"""Who waits for whom, as a forest: each holder that waits for nobody with everybody behind it."""

from typing import Literal, NamedTuple

from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import LockRequest, PreparedTransaction

NodeKind = Literal["session", "process", "prepared", "unknown"]

PREPARED = 0
"""The pid by which `pg_blocking_pids` names a prepared transaction (it has no process)."""


class LockNode(NamedTuple):
    """One holder or waiter, in the place where the flattened forest shows it.

    Attributes:
        session: Its row, also for a process that is not a client; None for a prepared transaction and the unknown.
        depth: 0 for a root.
        waiting_behind: How many wait for it, directly or behind others; each counted once, itself never.
        blocked_by: Pids it waits for, those of parallel workers replaced by their leader's.
        root_pid: The root it is shown under.
        request: The lock it waits for, where `pg_locks` says so.
        kind: `unknown` is a pid without a row: it just ended, or our role may not see it.
        in_cycle: It waits, through others, for itself: a deadlock not detected yet.
        waited_seconds: None for who waits for nobody, and where the moment is not known. Before PostgreSQL 14 an upper
            bound.
        prepared: Of a prepared transaction: which it may be, the oldest first; empty where that is not known.
    """

    pid: int
    session: Session | None
    depth: int
    waiting_behind: int
    blocked_by: tuple[int, ...]
    root_pid: int
    request: LockRequest | None
    kind: NodeKind
    in_cycle: bool
    waited_seconds: float | None
    waits: bool
    prepared: tuple[PreparedTransaction, ...] = ()

    @property
    def is_root(self) -> bool:
        """It holds up others; nobody known holds it up."""
        return self.depth == 0 and self.waiting_behind > 0
