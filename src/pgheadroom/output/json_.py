"""One sample as JSON. Keys keep their order and their meaning within a schema number; new ones may be added.

It is the sample's wire form with what follows from it, spans in milliseconds: `wire.sample.from_wire` reads it too.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from pgheadroom.analysis import Analysis
from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.grouping import Hog, StateCount
from pgheadroom.model.health import Health, Status
from pgheadroom.model.hold import Hold
from pgheadroom.model.locks import LockNode
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import Session
from pgheadroom.rules.acting.held import told_grip
from pgheadroom.wire.codec import told_moment
from pgheadroom.wire.sample import SCHEMA, Json, to_wire
from pgheadroom.wire.session import dated, in_order, rounded, told_id

_POOL_ORDER = ("database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested",
               "sv_login", "servers", "maxwait_seconds", "mode", "size", "reserve", "full_percent",
               "open_percent")  # fmt: skip


_STATUS = {Severity.CRITICAL: Status.CRITICAL, Severity.WARNING: Status.WARNING}
"""Of findings, in the words of metrics; a notice is no trouble yet."""


def to_json(case: Analysis) -> str:
    """One document, ASCII only, without a newline at its end. Moments are ISO 8601 in UTC, spans are seconds.

    Text is as the server sent it: whatever could harm a terminal is escaped by JSON itself.
    """
    return json.dumps(document(case), indent=2, ensure_ascii=True, allow_nan=False)


def document(case: Analysis) -> Json:
    """What `to_json` writes, as plain values."""
    snapshot = case.snapshot
    told = to_wire(snapshot)
    first = {
        "schema": SCHEMA,
        "taken_at": told["taken_at"],
        "round_trip_seconds": told["round_trip_seconds"],
        "status": case.status.value,
        "exact": told["exact"],
        "literals_hidden": told["literals_hidden"],
        "server": told["server"],
        "door": told["door"],
        "capacity": _capacity(case),
        "held": list(map(_held, case.holds)),
        "states": _states(case),
        "hogs": [_hog(hog) for hog in case.hogs],
        "sessions": _sessions(snapshot.sessions, told["sessions"], snapshot.taken_at),
        "locks": [_lock(node) for node in case.locks],
        "pgbouncers": list(map(_pgbouncer, snapshot.pgbouncers, told["pgbouncers"])),
        "health": [health_document(metric) for metric in case.health],
        "findings": [finding_document(finding) for finding in case.findings],
        "gaps": told["gaps"],
        "spared": [_in_milliseconds(one, "every_seconds", "age_seconds") for one in told["spared"]],
        "processes": _sessions(snapshot.processes, told["processes"], snapshot.taken_at),
    }
    return first | {key: value for key, value in told.items() if key not in first}


def _in_milliseconds(told: Json, *keys: str) -> Json:
    return told | {key: rounded(told[key]) for key in keys}


def _capacity(case: Analysis) -> Json:
    slots = case.capacity
    return {
        "max_connections": slots.max_connections,
        "superuser_reserved": slots.superuser_reserved,
        "reserved": slots.reserved,
        "used": slots.used,
        "usable": slots.usable,
        "free": slots.free,
        "used_percent": round(slots.used_percent, 1),
        "free_reserved": slots.free_reserved,
        "free_superuser": slots.free_superuser,
        "in_reserve": slots.in_reserve,
        "authenticating": slots.authenticating,
        "walsenders": slots.walsenders,
        "max_wal_senders": slots.max_wal_senders,
        "exact": slots.exact,
        "tightest": _limit(slots.tightest),
        "limits": [_limit(limit) for limit in slots.limits],
    }


def _held(hold: Hold) -> Json:
    return {
        "kind": hold.kind.value,
        "name": hold.name,
        "before": told_grip(hold.before),
        "after": told_grip(hold.after),
        "since": told_moment(hold.since),
        "os_user": hold.os_user,
        "host": hold.host,
    }


def _limit(limit: Limit) -> Json:
    return {
        "kind": limit.kind,
        "name": limit.name,
        "used": limit.used,
        "ceiling": limit.ceiling,
        "free": limit.free,
        "used_percent": round(limit.percent, 1),
    }


def _states(case: Analysis) -> list[Json]:
    """As the server says it: those that wait count as active, and stand beside it as `waiting`."""
    waiting = {one.state: one for one in case.states if one.waits}
    return [_state(one, waiting.get(one.state)) for one in case.states if not one.waits]


def _state(state: StateCount, waiting: StateCount | None) -> Json:
    both = [one for one in (state, waiting) if one is not None]
    ages = [one.oldest_seconds for one in both if one.oldest_seconds is not None]
    return {
        "state": state.state.value,
        "count": sum(one.count for one in both),
        "percent": round(sum(one.percent for one in both), 1),
        "oldest_seconds": rounded(max(ages, default=None)),
        "waiting": waiting.count if waiting is not None else 0,
    }


def _hog(hog: Hog) -> Json:
    told = hog._asdict()
    del told["folded"]
    return {**told, "oldest_connection_seconds": rounded(hog.oldest_connection_seconds)}


def _sessions(sessions: Sequence[Session], told: Sequence[Json], now: datetime) -> list[Json]:
    return [dated(one, session, now) for session, one in zip(sessions, told, strict=True)]


def _lock(node: LockNode) -> Json:
    request = node.request
    return {
        "pid": node.pid,
        "kind": node.kind,
        "root": node.root_pid,
        "depth": node.depth,
        "waiting_behind": node.waiting_behind,
        "waits": node.waits,
        "waited_seconds": rounded(node.waited_seconds),
        "blocked_by": list(node.blocked_by),
        "in_cycle": node.in_cycle,
        "user": node.session.user if node.session else None,
        "backend_type": node.session.backend_type if node.session else None,
        "locktype": request.locktype if request else None,
        "mode": request.mode if request else None,
        "target": request.target if request else None,
        "since": told_moment(request.since) if request else None,
    }


def _pgbouncer(bouncer: PgBouncer, told: Json) -> Json:
    pools = list(map(_pool, bouncer.pools, told["pools"]))
    told = _in_milliseconds(told, "age_seconds", "sockets_age_seconds") | {"pools": pools}
    return in_order(told, ("name", "version", "trouble", "age_seconds", "pools"))


def _pool(pool: Pool, told: Json) -> Json:
    told = told | {"servers": pool.servers, "full_percent": rounded(pool.full_percent)}
    told["open_percent"] = rounded(100.0 * pool.servers / pool.size) if pool.size else None
    return in_order(told, _POOL_ORDER)


def health_document(metric: Health) -> Json:
    """A metric against its thresholds."""
    return {
        "metric": metric.metric,
        "value": metric.value,
        "warning": metric.warning,
        "critical": metric.critical,
        "status": metric.status.value,
        "subject": metric.subject,
    }


def finding_document(finding: Finding) -> Json:
    """A finding, whole."""
    return {
        "key": finding.key,
        "severity": finding.severity.value,
        "status": _STATUS.get(finding.severity, Status.OK).value,
        "sentence": finding.sentence,
        "evidence": list(finding.evidence),
        "remedy": finding.remedy,
        "lasting": finding.lasting,
        "sql": finding.sql,
        "caution": finding.caution,
        "proof": finding.proof,
        "now": _now(finding.proposal),
        "slots": finding.slots,
        "since": told_moment(finding.since),
        "sessions": list(map(told_id, finding.sessions)),
    }


def _now(remedy: Proposal | None) -> Json | None:
    if remedy is None or remedy.command is not None or remedy.prepared is not None:
        return None
    return {"verb": remedy.verb.value if remedy.verb else None, "filter": remedy.filter, "label": remedy.label}
