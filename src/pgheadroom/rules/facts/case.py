"""What one sample says by itself, and what the time before adds: each fact worked out once, when it is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from pgheadroom.history.past import Past
from pgheadroom.history.refused import RefusedLately, refused_lately
from pgheadroom.model.capacity import Capacity, Limit
from pgheadroom.model.chain import RealClients
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.grouping import GroupBy, Hog, StateCount
from pgheadroom.model.locks import LockNode
from pgheadroom.model.overcommit import Overcommitment
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State, Wait, seconds_between
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds, Unit
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.rules.facts.chain import Chains, chains, clients_by_hog
from pgheadroom.rules.facts.forecast import forecast
from pgheadroom.rules.facts.hogs import HogKey, hogs
from pgheadroom.rules.facts.locks import Place, lock_nodes, lock_places
from pgheadroom.rules.facts.new_limits import all_kept, set_meanwhile
from pgheadroom.rules.facts.overcommit import overcommitment
from pgheadroom.rules.facts.states import states
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import largest_group

if TYPE_CHECKING:  # commands that look once do without
    from pgheadroom.model.bouncer_command import BouncerCommand
    from pgheadroom.model.hold import Hold
    from pgheadroom.model.pooler_hold import PoolerHold


# No slots: `cached_property` keeps its value in the instance's dictionary.
@dataclass(frozen=True)
class Case:
    """What is judged: a sample, by which thresholds, and after what.

    Attributes:
        past: Ends with this sample. Without one nothing is said that needs the time before.
        holds: What is held back on this server, as it was written down.
        pooler_holds: So of databases in PgBouncers; it can be that one does not stand any more.
    """

    snapshot: Snapshot
    thresholds: Thresholds
    past: Past | None = None
    holds: "tuple[Hold, ...]" = ()
    pooler_holds: "tuple[PoolerHold, ...]" = ()

    @cached_property
    def capacity(self) -> Capacity:
        return capacity(self.snapshot)

    @cached_property
    def chains(self) -> Chains:
        return chains(self.snapshot)

    @cached_property
    def overcommitment(self) -> Overcommitment | None:
        """What the PgBouncers may ask for; None when none is watched, or none has shown a pool yet."""
        return overcommitment(self.snapshot, self.capacity.usable, self.chains)

    @cached_property
    def states(self) -> tuple[StateCount, ...]:
        return states(self.snapshot)

    @cached_property
    def hogs(self) -> tuple[Hog, ...]:
        return hogs(self.snapshot)

    @cached_property
    def _by_kind(self) -> dict[GroupBy, tuple[tuple[Hog, ...], Mapping[HogKey, tuple[RealClients, ...]]]]:
        return {}

    def hogs_by(self, by: GroupBy) -> tuple[tuple[Hog, ...], Mapping[HogKey, tuple[RealClients, ...]]]:
        """Hogs of this kind, and the clients behind PgBouncer of those that are its server connections."""
        if by not in self._by_kind:
            found = self.hogs if by is GroupBy.ALL else hogs(self.snapshot, by)
            self._by_kind[by] = found, clients_by_hog(self.snapshot, self.chains, by)
        return self._by_kind[by]

    @cached_property
    def lock_places(self) -> tuple[Place, ...]:
        return lock_places(self.snapshot)

    @cached_property
    def locks(self) -> tuple[LockNode, ...]:
        return lock_nodes(self.snapshot, self.lock_places)

    @cached_property
    def waiting_for_locks(self) -> tuple[LockNode, ...]:
        """Sessions that wait for a lock. Background processes that do hold no slot."""
        return tuple(node for node in self.locks if node.waits and node.kind != "process")

    @cached_property
    def held_up(self) -> Mapping[int, Sequence[LockNode]]:
        """By the pid of a root, all who wait behind it, in the order of the tree."""
        found: dict[int, list[LockNode]] = {}
        for node in self.locks:
            if node.waits and node.pid != node.root_pid:
                found.setdefault(node.root_pid, []).append(node)
        return found

    @cached_property
    def idle_in_transaction(self) -> tuple[Session, ...]:
        """With the aborted ones; who has idled longest comes first."""
        of_state = self.snapshot.by_state
        if not of_state[State.ABORTED]:
            return self.longest_first(of_state[State.IDLE_IN_TRANSACTION])
        return self.longest_first(one for one in self.snapshot.sessions if one.state in IN_TRANSACTION_BUT_IDLE)

    @cached_property
    def long_queries(self) -> tuple[Session, ...]:
        """Queries that run, and have for `long_query_seconds`; the oldest first. Who waits for a lock runs nothing."""
        least = self.thresholds.long_query_seconds
        running = (one for one in self.running if one.state is State.ACTIVE)
        return tuple(one for one in running if (self.seconds_in_state(one) or 0.0) >= least)

    @cached_property
    def running(self) -> tuple[Session, ...]:
        """Sessions that run something and wait for nobody, ours left out; the oldest query first."""
        own = self.snapshot.door.pid
        return self.longest_first(one for one in self._busy if one.runs and one.pid != own)

    @property
    def _busy(self) -> Sequence[Session]:
        of_state = self.snapshot.by_state
        return self.snapshot.sessions if of_state[State.FASTPATH] else of_state[State.ACTIVE]

    @cached_property
    def waiting_for_client(self) -> tuple[Session, ...]:
        """Sessions that wait for their client in the middle of a statement; who began it first comes first."""
        return self._waiting_for(Wait.CLIENT)

    @cached_property
    def waiting_for_standby(self) -> tuple[Session, ...]:
        """Sessions whose commit waits for a synchronous standby; who began first comes first."""
        return self._waiting_for(Wait.STANDBY)

    def _waiting_for(self, whom: Wait) -> tuple[Session, ...]:
        own = self.snapshot.door.pid
        return self.longest_first(one for one in self.snapshot.by_wait[whom] if one.pid != own)

    @cached_property
    def pooled(self) -> frozenset[int]:
        """Pids of the server connections of PgBouncers that we watch."""
        return self.chains.pids

    @cached_property
    def direct(self) -> tuple[Session, ...]:
        """Sessions that are no pooler's and not ours."""
        spared = self.pooled | {self.snapshot.door.pid}
        return tuple(one for one in self.snapshot.sessions if one.pid not in spared)

    def of_superuser(self, session: Session) -> bool:
        """Whether it is left out of what is ended by filter, and no limit binds it."""
        role = self.snapshot.roles.get(session.user or "")
        return role is not None and role.superuser

    @cached_property
    def idle_crowd(self) -> tuple[Session, ...]:
        """The idle sessions of the one that has most of them, the longest idle first; no pooler's."""
        return self.longest_first(largest_group(one for one in self.direct if one.state is State.IDLE))

    @cached_property
    def forecast(self) -> Forecast | None:
        """When the slots, or those of a limit, will be gone; None without a past."""
        return forecast(self.past, self.capacity) if self.past is not None else None

    @cached_property
    def limits_in_use(self) -> tuple[Limit, ...]:
        """Limits that let somebody in, and can be at a threshold: the fullest first. Of thousands that nobody uses none
        is, unless a threshold is a number of slots left."""
        levels, limits = self.thresholds.limit, self.capacity.limits
        if any(one.unit is Unit.LEFT or not one.amount for one in (levels.warning, levels.critical)):
            return tuple(limit for limit in limits if not limit.closed)
        return tuple(takewhile(lambda limit: limit.used and not limit.closed, limits))

    def hold_of(self, kind: str, name: str | None) -> "Hold | None":
        """How a role or a database is held back by what was written down; None where it is not."""
        return next((one for one in self.holds if (one.kind, one.name) == (kind, name)), None)

    def pooler_hold_of(self, bouncer: str, command: "BouncerCommand | None") -> "PoolerHold | None":
        """The hold that gave this command to this PgBouncer; None where it was somebody else."""
        return next((one for one in self.pooler_holds if (one.bouncer, one.command) == (bouncer, command)), None)

    def waits_for_a_hold(self, bouncer: PgBouncer, pool: Pool) -> bool:
        """Whether its clients wait because its database was paused to hold somebody back."""
        database = bouncer.database(pool.database) if self.pooler_holds else None
        if database is None or not database.paused:
            return False
        pauses = (one for one in self.pooler_holds if one.command.verb == "PAUSE")
        return any((one.bouncer, one.command.database) == (bouncer.name, database.name) for one in pauses)

    def held_for(self, hold: "Hold | PoolerHold") -> str:
        """`3m12s`, by our own clock against the server's."""
        return duration(seconds_between(hold.since, self.snapshot.taken_at))

    def held_back(self, role: str | None) -> bool:
        """Whether somebody holds a role back on purpose: it was written down, or its limit was set while we looked."""
        if self.hold_of("role", role) is not None:
            return True
        limits = self.capacity.limits
        limit = next((one for one in limits if (one.kind, one.name) == ("role", role) and not one.closed), None)
        if self.past is None or limit is None or not all_kept(len(limits)):
            return False
        return set_meanwhile(self.past, limit)

    def only_us(self, limit: Limit) -> bool:
        """A role made for this program, with the limit that it advises: nobody else is refused."""
        return limit.kind == "role" and limit.name == self.snapshot.door.user and limit.used <= 1

    @cached_property
    def refused(self) -> RefusedLately | None:
        """Who was turned away lately; None where nothing tells."""
        if self.past is not None:
            return self.past.refused
        return refused_lately(self.snapshot.refusals, self.snapshot.taken_at)

    @property
    def at_least(self) -> str:
        """`At least ` where our role does not see everybody: there can be more than what is counted."""
        return "" if self.snapshot.exact else "At least "

    @cached_property
    def fresh_pools(self) -> tuple[tuple[PgBouncer, Pool], ...]:
        """Pools of the PgBouncers that answered; what the others said before is no news."""
        return tuple(
            (bouncer, pool) for bouncer in self.snapshot.pgbouncers if not bouncer.trouble for pool in bouncer.pools
        )

    def seconds_in_state(self, session: Session) -> float | None:
        return seconds_between(session.in_state_since, self.snapshot.taken_at)

    def longest_first(self, sessions: Iterable[Session]) -> tuple[Session, ...]:
        """Those whose state began first; a moment that is not known counts as now."""
        now = self.snapshot.taken_at

        def began(session: Session) -> datetime:
            since = session.in_state_since
            return now if since is None or since > now else since

        return tuple(sorted(sessions, key=began))
