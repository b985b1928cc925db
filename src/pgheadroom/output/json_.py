"""One sample as JSON. Keys keep their order and their meaning within a schema number; new ones may be added."""

import json
from datetime import UTC, datetime
from typing import Any

from pgheadroom.analysis import Analysis
from pgheadroom.model.budget import Spared
from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Proposal
from pgheadroom.model.grouping import Hog, StateCount
from pgheadroom.model.health import Health
from pgheadroom.model.locks import LockNode
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import Session, seconds_between

SCHEMA = 1

Json = dict[str, Any]


def to_json(case: Analysis, indent: int | None = 2) -> str:
    """One document, ASCII only, without a newline at its end. Moments are ISO 8601 in UTC, spans are seconds.

    Text is as the server sent it: whatever could harm a terminal is escaped by JSON itself.
    """
    return json.dumps(document(case), indent=indent, ensure_ascii=True, allow_nan=False)


def document(case: Analysis) -> Json:
    """What `to_json` writes, as plain values."""
    snapshot = case.snapshot
    server, door = snapshot.server, snapshot.door
    return {
        "schema": SCHEMA,
        "taken_at": _moment(snapshot.taken_at),
        "round_trip_seconds": snapshot.round_trip,
        "status": case.status.value,
        "exact": snapshot.exact,
        "literals_hidden": snapshot.literals_hidden,
        "server": {
            "name": server.name,
            "version": server.version,
            "version_num": server.version_num,
            "in_recovery": server.in_recovery,
            "started_at": _moment(server.started_at),
        },
        "door": {
            "user": door.user,
            "database": door.database,
            "slot": door.slot.value,
            "pid": door.pid,
            "sees_all": door.sees_all,
            "may_signal": door.may_signal,
            "label": door.label,
            "hint": door.hint,
        },
        "capacity": _capacity(case),
        "states": _states(case),
        "hogs": [_hog(hog) for hog in case.hogs],
        "sessions": [_session(session, snapshot.taken_at) for session in snapshot.sessions],
        "locks": [_lock(node) for node in case.locks],
        "pgbouncers": [_pgbouncer(bouncer) for bouncer in snapshot.pgbouncers],
        "health": [_health(metric) for metric in case.health],
        "findings": [_finding(finding) for finding in case.findings],
        "gaps": [{"part": gap.part, "reason": gap.reason} for gap in snapshot.gaps],
        "spared": [_spared(spared) for spared in snapshot.spared],
    }


def _moment(moment: datetime | None) -> str | None:
    """To the microsecond: `backend_start` identifies a session."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


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
        "oldest_seconds": _rounded(max(ages, default=None)),
        "waiting": waiting.count if waiting is not None else 0,
    }


def _hog(hog: Hog) -> Json:
    return {**hog._asdict(), "oldest_connection_seconds": _rounded(hog.oldest_connection_seconds)}


def _session(session: Session, now: datetime) -> Json:
    return {
        "pid": session.pid,
        "backend_start": _moment(session.backend_start),
        "user": session.user,
        "database": session.database,
        "application": session.application,
        "client": session.client,
        "client_port": session.client_port,
        "backend_type": session.backend_type,
        "state": session.state.value,
        "state_seconds": _rounded(seconds_between(session.in_state_since, now)),
        "transaction_seconds": _rounded(seconds_between(session.xact_start, now)),
        "xact_start": _moment(session.xact_start),
        "query_start": _moment(session.query_start),
        "state_change": _moment(session.state_change),
        "wait_event_type": session.wait_event_type,
        "wait_event": session.wait_event,
        "waits_for": session.waits_for.value if session.waits_for is not None else None,
        "backend_xid": session.backend_xid,
        "backend_xmin": session.backend_xmin,
        "blocked_by": list(session.blocked_by),
        "query": session.query,
    }


def _lock(node: LockNode) -> Json:
    request = node.request
    return {
        "pid": node.pid,
        "kind": node.kind,
        "root": node.root_pid,
        "depth": node.depth,
        "waiting_behind": node.waiting_behind,
        "waits": node.waits,
        "waited_seconds": _rounded(node.waited_seconds),
        "blocked_by": list(node.blocked_by),
        "in_cycle": node.in_cycle,
        "user": node.session.user if node.session else None,
        "backend_type": node.session.backend_type if node.session else None,
        "locktype": request.locktype if request else None,
        "mode": request.mode if request else None,
        "target": request.target if request else None,
        "since": _moment(request.since) if request else None,
    }


def _spared(spared: Spared) -> Json:
    return {
        "part": spared.part,
        "cost_seconds": spared.cost,
        "every_seconds": _rounded(spared.every),
        "age_seconds": _rounded(spared.age),
    }


def _pgbouncer(bouncer: PgBouncer) -> Json:
    return {
        "name": bouncer.name,
        "version": bouncer.version,
        "trouble": bouncer.trouble,
        "age_seconds": _rounded(bouncer.age),
        "pools": [_pool(pool) for pool in bouncer.pools],
    }


def _pool(pool: Pool) -> Json:
    return {
        "database": pool.database,
        "user": pool.user,
        "cl_active": pool.cl_active,
        "cl_waiting": pool.cl_waiting,
        "sv_active": pool.sv_active,
        "sv_idle": pool.sv_idle,
        "sv_used": pool.sv_used,
        "sv_tested": pool.sv_tested,
        "sv_login": pool.sv_login,
        "servers": pool.servers,
        "maxwait_seconds": pool.maxwait,
        "mode": pool.mode,
        "size": pool.size,
        "reserve": pool.reserve,
        "full_percent": _rounded(pool.full_percent),
    }


def _health(metric: Health) -> Json:
    return {
        "metric": metric.metric,
        "value": metric.value,
        "warning": metric.warning,
        "critical": metric.critical,
        "status": metric.status.value,
        "subject": metric.subject,
    }


def _finding(finding: Finding) -> Json:
    return {
        "key": finding.key,
        "severity": finding.severity.value,
        "sentence": finding.sentence,
        "evidence": list(finding.evidence),
        "remedy": finding.remedy,
        "lasting": finding.lasting,
        "sql": finding.sql,
        "caution": finding.caution,
        "proof": finding.proof,
        "now": _now(finding.proposal),
        "slots": finding.slots,
        "since": _moment(finding.since),
        "sessions": [{"pid": one.pid, "backend_start": _moment(one.backend_start)} for one in finding.sessions],
    }


def _now(remedy: Proposal | None) -> Json | None:
    if remedy is None:
        return None
    return {"verb": remedy.verb.value if remedy.verb else None, "filter": remedy.filter, "label": remedy.label}
