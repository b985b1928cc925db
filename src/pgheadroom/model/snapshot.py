"""The hinge of the program: one immutable value that says what a sample found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pgheadroom.model.budget import Spared
from pgheadroom.model.gap import Gap as Gap
from pgheadroom.model.lock_totals import LockTotal
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.service import Service, service_of_roles
from pgheadroom.model.session import NEVER_WAIT, Session, State, Wait
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.turned_away import Refusals


class SlotKind(StrEnum):
    """The kind of slot a door takes, from the most to the least contended."""

    ORDINARY = "ordinary"
    RESERVED = "reserved"
    SUPERUSER = "superuser"


@dataclass(frozen=True, slots=True)
class Server:
    """What a server is.

    Attributes:
        name: How the user calls it: `host:port` or the socket's folder, with the configured target's name before it.
        version: As the server says it, for instance `18.4`.
        version_num: `server_version_num`, for instance 180004.
    """

    name: str
    version: str
    version_num: int
    in_recovery: bool
    started_at: datetime | None

    @property
    def major(self) -> int:
        return self.version_num // 10_000


@dataclass(frozen=True, slots=True)
class Door:
    """The way in that opened, and what our role may see and do.

    Attributes:
        pid: Our own backend. 0 when it is not known (through a pooler).
        sees_all: Privileges of `pg_read_all_stats`; without them other roles' sessions are hidden rows.
        may_signal: Privileges of `pg_signal_backend`, or superuser.
        label: What was connected to, without secrets.
        hint: A sentence when a better door would exist, or when it is not the door that was asked for; else empty.
    """

    user: str
    database: str
    slot: SlotKind
    pid: int
    sees_all: bool
    may_signal: bool
    label: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """Settings that decide who gets a slot. `reserved` is 0 before PostgreSQL 16."""

    max_connections: int
    superuser_reserved: int
    reserved: int = 0
    max_wal_senders: int = 0


@dataclass(frozen=True, slots=True)
class Role:
    """A row of `pg_roles`.

    Attributes:
        limit: None where it has none (-1).
        login: Whether it may log in at all.
        expired: Its password's VALID UNTIL has passed.
    """

    name: str
    superuser: bool
    limit: int | None
    replication: bool = False
    reserved: bool = False
    login: bool = True
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Database:
    """A row of `pg_database`. `limit` is None where it has none (-1); `valid` is False for datconnlimit = -2."""

    name: str
    limit: int | None
    valid: bool = True
    allows_connections: bool = True


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A lock that a session waits for: a row of `pg_locks` that is not granted.

    Attributes:
        target: What it wants in words: `table public.orders`, `transaction 733`, `relation 16384 in database shop`.
        since: `waitstart` (14+); None before 14 and in the first instant of a wait.
        blocked_by: As a session's, of a backend that has no row because it still logs in (before 18); else empty.
    """

    pid: int
    locktype: str
    mode: str
    target: str
    since: datetime | None
    blocked_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock on a whole table that shuts others out, held by a session that idles in a transaction.

    Attributes:
        target: As in `LockRequest`.
    """

    pid: int
    mode: str
    target: str


@dataclass(frozen=True, slots=True)
class PreparedTransaction:
    """A row of `pg_prepared_xacts`: it has no process, keeps its locks over a restart, and nobody but its owner or a
    superuser ends it, in its own database."""

    gid: str
    owner: str
    database: str
    since: datetime | None = None


REFUSED = "refused"
"""The part that tells who was turned away."""
A_MOMENT = 0.5
"""Seconds by which a part of a sample may be older than the others without a word."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One sample of a server and its PgBouncers.

    `eq=False`: two samples with the same content are still two samples.

    Attributes:
        taken_at: The server's clock.
        round_trip: Seconds the question to PostgreSQL took.
        sessions: Every client backend that has a row, ours included. Without `pg_read_all_stats` also hidden rows that
            probably are client backends (then `exact` is False).
        processes: Every other process that has a row.
        authenticating: Client backends that hold a slot and have no row (13–17), an estimate; 0 on 18, where they are
            rows in state `starting`.
        slot_sync_takes_slot: The slot-sync worker of 17.0–17.2 takes an ordinary slot.
        exact: Whether `sessions` is known to be complete and free of background processes.
        roles, databases: By name; read rarely.
        held_locks: Strong locks of sessions idle in transaction; read every few seconds.
        returned: A sentence in the first sample after a time without a connection: how long, and what changed.
        literals_hidden: Query texts came here without their literals and comments.
        prepared: The oldest prepared transactions, while somebody waits for one.
        lock_totals: Waits for locks by the server's own count; None where it does not count them (before 19).
        session_totals: Sessions by the server's own count; None where it does not count them (before 14).
        refusals: Who was turned away since the sample before; None where nothing was read that would tell.
        spared: Parts that are asked less often than each sample, because of what they cost; some of an older one.
    """

    taken_at: datetime
    round_trip: float
    server: Server
    door: Door
    settings: SlotSettings
    sessions: tuple[Session, ...]
    processes: tuple[Session, ...] = ()
    authenticating: int = 0
    slot_sync_takes_slot: bool = False
    exact: bool = True
    lock_requests: tuple[LockRequest, ...] = ()
    held_locks: tuple[HeldLock, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)
    pgbouncers: tuple[PgBouncer, ...] = ()
    gaps: tuple[Gap, ...] = ()
    returned: str = ""
    literals_hidden: bool = False
    spared: tuple[Spared, ...] = ()
    prepared: tuple[PreparedTransaction, ...] = ()
    lock_totals: tuple[LockTotal, ...] | None = None
    session_totals: SessionTotals | None = None
    refusals: Refusals | None = None

    @cached_property
    def by_state(self) -> Mapping[State, Sequence[Session]]:
        """The sessions of each state, in their order; one pass for all who ask."""
        found: dict[State, list[Session]] = {state: [] for state in State}
        for session in self.sessions:
            found[session.state].append(session)
        return found

    @cached_property
    def by_wait(self) -> Mapping[Wait, Sequence[Session]]:
        """The sessions that wait in the middle of their work, by whom they wait for, in their order."""
        found: dict[Wait, list[Session]] = {wait: [] for wait in Wait}
        for session in self.sessions:
            if session.state not in NEVER_WAIT and (wait := session.waits_for) is not None:
                found[wait].append(session)
        return found

    @property
    def lacking(self) -> Sequence[Gap]:
        """The gaps that are a trouble."""
        return [gap for gap in self.gaps if not gap.harmless]

    @property
    def refusals_unread(self) -> str:
        """Why nothing is read that would tell who was turned away, and what would help; empty where something is."""
        return next((gap.reason for gap in self.gaps if gap.part == REFUSED), "")

    @property
    def service(self) -> Service | None:
        """The managed service whose server it is; None where its customers would be superusers, or there is none."""
        return None if self.door.slot is SlotKind.SUPERUSER else service_of_roles(self.roles)

    def age_of(self, part: str) -> float:
        """Seconds by which a part is older than the sample; 0 for what was asked with it, or a moment before."""
        age = next((spared.age for spared in self.spared if spared.part == part), 0.0)
        return age if age >= A_MOMENT else 0.0
