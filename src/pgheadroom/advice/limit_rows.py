"""Every role and every database beside its limit: who is near it, whom none binds, and what all limits come to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.limits import bound, takes_much
from pgheadroom.model.advice import LimitRow
from pgheadroom.model.health import Status
from pgheadroom.model.snapshot import Database, Role
from pgheadroom.rules.facts.kept import of_the_same
from pgheadroom.words.counts import plural

_URGENCY = {Status.CRITICAL: 0, Status.WARNING: 1}
_LETS_NOBODY_IN = "lets nobody in"
_INVALID = "invalid: only DROP DATABASE is left"


@dataclass(frozen=True, slots=True)
class LimitSum:
    """What the limits of all login roles come to; superusers, whom none binds, are left out.

    Attributes:
        bound: Roles that have a limit.
        together: Sessions that those limits let in.
        free: Roles that have none.
    """

    bound: int
    together: int
    free: int
    usable: int

    @property
    def sentence(self) -> str:
        """Empty where no role has a limit."""
        if not self.bound:
            return ""
        whose = f"The limits of {plural(self.bound, 'role')}"
        told = f"{whose} let in {self.together} sessions together, {self.usable} slots are usable"
        has = "has" if self.free == 1 else "have"
        return f"{told}; {plural(self.free, 'login role')} {has} no limit." if self.free else f"{told}."

    @property
    def words(self) -> str:
        """The same in a few words."""
        if not self.bound:
            return f"{plural(self.free, 'role')} without a limit"
        free = f"; {self.free} without" if self.free else ""
        return f"{plural(self.bound, 'role')}: {self.together} of {self.usable} usable{free}"


def limit_rows(ground: Ground) -> tuple[LimitRow, ...]:
    """Of every role that may log in and of every database: near their limits first, then who had most sessions."""
    now = _sessions_of(ground)
    seen = {*now, *ground.peaks}
    told = (_seen(ground, kind, name, now[kind, name]) for kind, name in seen)
    quiet = _quiet(ground.snapshot.roles, ground.snapshot.databases)
    pressing = sorted((row for row in told if row is not None), key=_order)
    return (*pressing, *(row for key, row in quiet.items() if key not in seen))


def _sessions_of(ground: Ground) -> Counter[tuple[str, str]]:
    """How many sessions each role and each database has, by kind and name."""
    sessions = ground.snapshot.sessions
    counts = Counter(("role", name) for name in map(_user_of, sessions) if name)
    counts.update(("database", name) for name in map(_database_of, sessions) if name)
    return counts


_user_of = attrgetter("user")
_database_of = attrgetter("database")


def _order(row: LimitRow) -> tuple[object, ...]:
    return _URGENCY.get(row.status, 2), row.kind == "database", -row.peak, row.name


def _seen(ground: Ground, kind: str, name: str, now: int) -> LimitRow | None:
    """Of who had sessions; None for who is not there any more."""
    peak = max(now, ground.peaks.get((kind, name), 0))
    if kind == "database":
        database = ground.snapshot.databases.get(name)
        if database is None:
            return None
        note, status = _pressed(ground, database.limit, now, peak)
        return LimitRow(kind, name, database.limit, now, peak, note if database.valid else _INVALID, status)
    role = ground.snapshot.roles.get(name)
    if role is None:
        return None
    binds = role.login and not role.superuser
    note, status = _pressed(ground, role.limit, now, peak) if binds else ("", Status.OK)
    if binds and not bound(role.limit, ground.fullest.capacity.usable) and takes_much(ground, peak):
        note, status = "can take the last slots", Status.WARNING
    return LimitRow(kind, name, role.limit, now, peak, ", ".join(filter(None, (note, _kind_of(role)))), status)


def _pressed(ground: Ground, limit: int | None, now: int, peak: int) -> tuple[str, Status]:
    """How near a limit is, in words and by the thresholds."""
    levels = ground.case.thresholds.limit
    if limit is None:
        return "", Status.OK
    if limit <= 0:
        return _LETS_NOBODY_IN, Status.OK
    if now >= limit:
        return "at its limit" if now == limit else "above its limit", Status.CRITICAL
    if levels.warning.reached(now, limit):
        return "near its limit", Status.CRITICAL if levels.critical.reached(now, limit) else Status.WARNING
    return "was at its limit" if peak >= limit else "", Status.OK


def _kind_of(role: Role) -> str:
    """What its limit does not do, or what else is at hand for it."""
    if role.superuser:
        return "superuser: none binds it"
    if not role.login:
        return "may not log in"
    return "may use the reserve" if role.reserved else ""


@of_the_same
def _quiet(roles: Mapping[str, Role], databases: Mapping[str, Database]) -> dict[tuple[str, str], LimitRow]:
    """Everybody as if nobody were there, in order: once a reading of the catalogue, for there can be thousands."""
    rows = [*map(_quiet_role, filter(_may_log_in, roles.values())), *map(_quiet_database, databases.values())]
    rows.sort(key=lambda row: (row.kind == "database", row.limit is None, row.name))
    return {(row.kind, row.name): row for row in rows}


_may_log_in = attrgetter("login")


def _quiet_role(role: Role) -> LimitRow:
    closed = role.limit is not None and role.limit <= 0 and not role.superuser
    note = ", ".join(filter(None, (_LETS_NOBODY_IN if closed else "", _kind_of(role))))
    return LimitRow("role", role.name, role.limit, 0, 0, note)


def _quiet_database(database: Database) -> LimitRow:
    if not database.valid:
        note = _INVALID
    else:
        note = "" if database.allows_connections and database.limit != 0 else _LETS_NOBODY_IN
    return LimitRow("database", database.name, database.limit, 0, 0, note)


def limit_sum(ground: Ground) -> LimitSum:
    """Of the server as it is now."""
    limits = _limits_of_ordinary(ground.snapshot.roles)
    return LimitSum(limits.bound, limits.together, limits.free, ground.case.capacity.usable)


@of_the_same
def _limits_of_ordinary(roles: Mapping[str, Role]) -> LimitSum:
    limits = [role.limit for role in roles.values() if role.login and not role.superuser]
    bound = [limit for limit in limits if limit is not None]
    return LimitSum(len(bound), sum(bound), len(limits) - len(bound), 0)
