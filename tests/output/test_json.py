import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from pgheadroom.analysis import analyse
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Gap, LockRequest, Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.json_ import to_json
from pgheadroom.wire.sample import from_wire
from samples import NOW, ago, hidden, many, pool, roles, session, snapshot, waiter
from strategies import snapshots, whole_snapshots

PLAIN = Thresholds()


def told(sample: Snapshot) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(to_json(analyse(sample, PLAIN)))
    return document


def sample() -> Snapshot:
    return snapshot(
        [*many(90), session(3, State.IDLE_IN_TRANSACTION, backend_start=ago(77.123456)), waiter(4, 3, since=9)],
        roles=roles(Role("web", False, 93)),
        lock_requests=(LockRequest(4, "relation", "RowShareLock", "table t", ago(9)),),
        pgbouncers=(PgBouncer("b1", pools=(pool(cl_waiting=2),)),),
        gaps=(Gap("limits", "denied"),),
    )


def test_the_fields_that_were_promised() -> None:
    document = told(sample())
    assert document["schema"] == 1
    assert document["taken_at"] == "2026-03-14T03:07:00.000000+00:00"
    assert {"version", "version_num", "in_recovery"} <= set(document["server"])
    assert {"user", "slot"} <= set(document["door"])
    promised = {"max_connections", "superuser_reserved", "reserved", "used", "usable", "free", "used_percent"}
    assert {name: document["capacity"][name] for name in promised} == {
        "max_connections": 100,
        "superuser_reserved": 3,
        "reserved": 0,
        "used": 92,
        "usable": 97,
        "free": 5,
        "used_percent": 94.8,
    }
    assert document["capacity"]["tightest"]["name"] == "web"
    assert set(document["states"][0]) == {"state", "count", "percent", "oldest_seconds", "waiting"}
    assert list(document["hogs"][0]) == [
        "user",
        "application",
        "client",
        "database",
        "total",
        "idle",
        "active",
        "idle_in_transaction",
        "oldest_connection_seconds",
        "limit",
        "waiting",
    ]
    assert document["locks"][1]["pid"] == 4
    assert document["locks"][1] | {"blocked_by": [3], "root": 3, "target": "table t"} == document["locks"][1]
    assert document["pgbouncers"][0]["name"] == "b1"
    assert document["pgbouncers"][0]["pools"][0]["cl_waiting"] == 2
    assert set(document["health"][0]) >= {"metric", "value", "warning", "critical", "status"}
    assert document["findings"][0]["severity"] == "critical"
    assert document["findings"][0]["status"] == document["status"]
    pool = document["pgbouncers"][0]["pools"][0]
    assert pool["open_percent"] == (100.0 * pool["servers"] / pool["size"] if pool["size"] else None)
    assert document["status"] == "CRITICAL"
    assert document["gaps"] == [{"part": "limits", "reason": "denied", "harmless": False}]


def test_a_session_can_be_identified_from_it_to_the_microsecond() -> None:
    one = next(one for one in told(sample())["sessions"] if one["pid"] == 3)
    assert datetime.fromisoformat(one["backend_start"]) == ago(77.123456)
    assert one["state"] == "idle in transaction"
    assert one["state_seconds"] == 5


def test_what_is_not_known_is_null() -> None:
    document = told(snapshot([hidden(1)], exact=False))
    assert document["exact"] is False
    assert document["sessions"][0]["backend_start"] is None
    assert document["health"][0]["value"] is None


def test_text_that_could_harm_a_terminal_is_escaped_and_kept() -> None:
    nasty = "\x1b]0;x\x07\u202e\udcff日本"
    written = to_json(analyse(snapshot([session(1, application=nasty)]), PLAIN))
    assert written.isascii()
    assert "\x1b" not in written
    assert json.loads(written)["sessions"][0]["application"] == nasty


def test_roles_databases_lock_requests_and_all_else_that_was_seen_is_in_it() -> None:
    document = told(sample())
    assert document["roles"] == [
        {
            "name": "web",
            "superuser": False,
            "limit": 93,
            "replication": False,
            "reserved": False,
            "login": True,
            "expired": False,
        }
    ]
    assert document["lock_requests"][0] == {
        "pid": 4,
        "locktype": "relation",
        "mode": "RowShareLock",
        "target": "table t",
        "since": "2026-03-14T03:06:51.000000+00:00",
        "blocked_by": [],
    }
    assert set(document) >= {"settings", "processes", "databases", "held_locks", "authenticating", "returned"}
    assert set(document["pgbouncers"][0]) >= {"servers", "clients", "databases", "users", "config", "stats", "lists"}
    assert document["sessions"][0]["leader_pid"] is None


@pytest.mark.parametrize("deep", [False, True], ids=["leaves", "deep"])
def test_a_tree_of_thousands_is_as_long_as_many_small_ones(deep: bool) -> None:
    def length(count: int) -> int:
        pids = range(10_001, 10_001 + count)
        waiters = [waiter(pid, pid - 1 if deep else 10_000) for pid in pids]
        return len(to_json(analyse(snapshot([session(10_000), *waiters]), PLAIN)))

    assert length(2500) < 11 * length(250)


@given(whole_snapshots())
def test_the_document_can_be_read_as_the_snapshot_that_it_tells(sample: Snapshot) -> None:
    """Ages are told in milliseconds."""
    read = from_wire(json.loads(to_json(analyse(sample, PLAIN))))
    spared = tuple(replace(one, every=round(one.every, 3), age=round(one.age, 3)) for one in sample.spared)
    bouncers = tuple(
        replace(one, age=one.age and round(one.age, 3), sockets_age=round(one.sockets_age, 3))
        for one in sample.pgbouncers
    )
    assert repr(read) == repr(replace(sample, spared=spared, pgbouncers=bouncers))


@given(snapshots())
def test_any_snapshot_is_one_ascii_document_with_keys_in_order(sample: Snapshot) -> None:
    written = to_json(analyse(sample, PLAIN))
    assert written.isascii()
    document = json.loads(written)
    assert list(document) == list(told(snapshot()))
    assert len(document["sessions"]) == len(sample.sessions)
    assert document["taken_at"] == NOW.isoformat(timespec="microseconds")
    assert to_json(analyse(sample, PLAIN)) == written
