"""Snapshots that hypothesis thinks of: any server, any sessions, any text.

from hypothesis import given
from strategies import snapshots

@given(snapshots())
def test_...(snapshot): ...
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import CLIENT_BACKEND, LOCAL, Session, State
from pgheadroom.model.snapshot import (
    Database,
    Door,
    Gap,
    LockRequest,
    Role,
    Server,
    SlotKind,
    SlotSettings,
    Snapshot,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
USERS = ("web", "batch", "postgres", "Repörting")
DATABASES = ("shop", "postgres", "logs")
PROCESS_TYPES = ("walsender", "autovacuum worker", "parallel worker", "checkpointer", "startup", "slotsync worker")

# What has been seen to break monitors: markup, escape sequences, bidi, wide and combining characters, lone surrogates.
nasty_texts = st.sampled_from(
    ["", "[/red]", "\x1b]0;x\x07", "\u202eabc", "日本語", "e\u0301", "a" * 64, "\udcff", "x\ny", "🎉"]
)
texts = st.one_of(nasty_texts, st.text(max_size=20))
# Also a little in the future: clocks of several processes are read one after the other.
moments = st.one_of(st.none(), st.integers(-1_000_000, 10**13).map(lambda us: NOW - timedelta(microseconds=us)))
pids = st.integers(1, 40)
clients = st.one_of(st.none(), st.just(LOCAL), st.sampled_from(["10.0.0.7", "10.1.0.8", "2001:db8::1"]))


def sessions(pid: st.SearchStrategy[int] = pids, backend_type: str = CLIENT_BACKEND) -> st.SearchStrategy[Session]:
    """Any session; its blockers may be anybody, itself and nobody known included."""
    return st.builds(
        Session,
        pid=pid,
        backend_start=moments,
        user=st.one_of(st.none(), st.sampled_from(USERS)),
        database=st.one_of(st.none(), st.sampled_from(DATABASES)),
        application=texts,
        client=clients,
        client_port=st.one_of(st.none(), st.integers(1024, 65535)),
        state=st.sampled_from(State),
        wait_event_type=st.sampled_from(["", "Lock", "Client", "IO"]),
        wait_event=st.sampled_from(["", "relation", "ClientRead"]),
        xact_start=moments,
        query_start=moments,
        state_change=moments,
        backend_xid=st.one_of(st.none(), st.just("733")),
        backend_xmin=st.one_of(st.none(), st.just("730")),
        backend_type=st.just(backend_type),
        leader_pid=st.one_of(st.none(), pids) if backend_type == "parallel worker" else st.none(),
        query=texts,
        blocked_by=st.lists(st.integers(0, 45), max_size=4, unique=True).map(tuple),
    )


processes = st.sampled_from(PROCESS_TYPES).flatmap(lambda kind: sessions(st.integers(41, 60), kind))
requests = st.builds(
    LockRequest,
    pid=pids,
    locktype=st.sampled_from(["relation", "transactionid"]),
    mode=st.just("AccessExclusiveLock"),
    target=texts,
    since=moments,
)
counts = st.integers(0, 50)
pools = st.builds(
    Pool,
    database=texts,
    user=texts,
    cl_active=counts,
    cl_waiting=counts,
    sv_active=counts,
    sv_idle=counts,
    sv_used=counts,
    sv_tested=counts,
    sv_login=counts,
    maxwait=st.floats(0, 1000),
    mode=st.sampled_from(["session", "transaction", "statement"]),
    size=st.one_of(st.none(), st.integers(0, 30)),
    reserve=st.integers(0, 5),
)
pgbouncers = st.builds(
    PgBouncer,
    name=texts,
    version=st.just("1.25.2"),
    pools=st.lists(pools, max_size=3).map(tuple),
    trouble=st.sampled_from(["", "connection refused", "\x1b[31m"]),
    age=st.one_of(st.none(), st.floats(0, 100)),
)
limits = st.one_of(st.none(), st.integers(0, 10))


@st.composite
def settings(draw: st.DrawFn) -> SlotSettings:
    """What a server accepts: the reserves are smaller than max_connections."""
    most = draw(st.integers(1, 60))
    superuser = draw(st.integers(0, most - 1))
    return SlotSettings(most, superuser, draw(st.integers(0, most - 1 - superuser)), draw(st.integers(0, 10)))


def _role(name: str) -> st.SearchStrategy[Role]:
    return st.builds(Role, st.just(name), st.booleans(), limits, st.booleans(), st.booleans())


def _database(name: str) -> st.SearchStrategy[Database]:
    return st.builds(Database, st.just(name), limits, st.booleans(), st.booleans())


versions = st.sampled_from([130_023, 140_010, 150_018, 160_006, 160_007, 170_002, 170_003, 180_004])
servers = st.builds(
    Server,
    name=texts,
    version=st.just("18.4"),
    version_num=versions,
    in_recovery=st.booleans(),
    started_at=moments,
)
doors = st.builds(
    Door,
    user=st.sampled_from(USERS),
    database=st.sampled_from(DATABASES),
    slot=st.sampled_from(SlotKind),
    pid=st.integers(0, 40),
    sees_all=st.booleans(),
    may_signal=st.booleans(),
)


def snapshots(**given: Any) -> st.SearchStrategy[Snapshot]:
    """Any snapshot, with no pid twice; what is given as a strategy replaces the one here."""
    one_of_each_pid = st.lists(sessions(), max_size=25, unique_by=lambda one: one.pid).map(tuple)
    plain: dict[str, st.SearchStrategy[Any]] = {
        "taken_at": st.just(NOW),
        "round_trip": st.floats(0, 5),
        "server": servers,
        "door": doors,
        "settings": settings(),
        "sessions": one_of_each_pid,
        "processes": st.lists(processes, max_size=5, unique_by=lambda one: one.pid).map(tuple),
        "authenticating": st.integers(0, 10),
        "slot_sync_takes_slot": st.booleans(),
        "exact": st.booleans(),
        "lock_requests": st.lists(requests, max_size=5).map(tuple),
        "roles": st.fixed_dictionaries({}, optional={name: _role(name) for name in USERS}),
        "databases": st.fixed_dictionaries({}, optional={name: _database(name) for name in DATABASES}),
        "pgbouncers": st.lists(pgbouncers, max_size=2).map(tuple),
        "gaps": st.lists(st.builds(Gap, texts, texts), max_size=2).map(tuple),
    }
    return st.builds(Snapshot, **{**plain, **given})
