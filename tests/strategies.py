"""Snapshots that hypothesis thinks of: any server, any sessions, any text.

from hypothesis import given
from strategies import snapshots

@given(snapshots())
def test_...(snapshot): ...
"""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from pgheadroom.model.bouncer import (
    BouncerClient,
    BouncerDatabase,
    BouncerUser,
    DatabaseStats,
    PoolerState,
    Rates,
    ServerConnection,
    Setting,
    Totals,
)
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.budget import Spared
from pgheadroom.model.lock_totals import LockTotal
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import CLIENT_BACKEND, LOCAL, Session, State
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.snapshot import (
    Database,
    Door,
    Gap,
    HeldLock,
    LockRequest,
    PreparedTransaction,
    Role,
    Server,
    SlotKind,
    SlotSettings,
    Snapshot,
)
from pgheadroom.model.turned_away import Reason, Refusals, TurnedAway
from samples import NOW

USERS = ("web", "batch", "postgres", "Repörting")
DATABASES = ("shop", "postgres", "logs")
PROCESS_TYPES = ("walsender", "autovacuum worker", "parallel worker", "checkpointer", "startup", "slotsync worker")

# What has been seen to break monitors: markup, escape sequences, bidi, wide and combining characters, lone surrogates.
nasty_texts = st.sampled_from(
    ["", "[/red]", "\x1b]0;x\x07", "\u202eabc", "日本語", "e\u0301", "a" * 64, "\udcff", "x\ny", "\x00", "🎉"]
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
    blocked_by=st.lists(pids, max_size=2, unique=True).map(tuple),
)
held_locks = st.builds(HeldLock, pid=pids, mode=st.just("AccessExclusiveLock"), target=texts)
turned_away = st.builds(
    TurnedAway,
    reason=st.sampled_from(Reason),
    host=texts,
    role=texts,
    database=texts,
    count=st.integers(1, 10**6),
    first=moments.map(lambda moment: moment or NOW),
    last=moments.map(lambda moment: moment or NOW),
)
refusals = st.builds(
    Refusals,
    groups=st.lists(turned_away, max_size=2).map(tuple),
    seconds=st.floats(0, 1e6),
    log=texts,
    skipped=st.integers(0, 10**9),
    others=st.integers(0, 10**6),
    before=st.booleans(),
)
prepared = st.builds(PreparedTransaction, gid=texts, owner=texts, database=texts, since=moments)
gaps = st.builds(Gap, texts, texts, st.booleans())
spared = st.builds(
    Spared, st.sampled_from(["locks", "sessions"]), st.floats(0, 10), st.floats(0, 600), st.floats(0, 600)
)
counts = st.integers(0, 50)
spans = st.floats(0, 1000)
unsure_spans = st.one_of(st.none(), spans)
limits = st.one_of(st.none(), st.integers(0, 10))
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
    cl_cancelling=st.integers(0, 3),
    sv_cancelling=st.integers(0, 3),
)
addresses = st.sampled_from(["unix", "10.0.0.7", "127.0.0.1"])
bouncer_clients = st.builds(
    BouncerClient,
    user=texts,
    database=texts,
    state=st.sampled_from(["active", "waiting", "idle", "active_cancel_req"]),
    address=addresses,
    port=st.integers(0, 65535),
    application=texts,
    waited=spans,
    age=unsure_spans,
    quiet=unsure_spans,
    ptr=st.sampled_from(["0x1", "0x2", "0x3"]),
    link=st.sampled_from(["", "0x11", "0x12"]),
    os_pid=st.integers(0, 2**31),
    tls=texts,
    id=st.one_of(st.none(), st.integers(0, 2**63)),
)
server_connections = st.builds(
    ServerConnection,
    database=texts,
    user=texts,
    state=st.sampled_from(["active", "idle", "used", "tested", "new"]),
    address=addresses,
    port=st.integers(0, 65535),
    local_port=st.integers(0, 65535),
    remote_pid=st.one_of(pids, st.integers(0, 2**31)),
    application=texts,
    ptr=st.sampled_from(["0x11", "0x12", "0x13"]),
    link=st.sampled_from(["", "0x1", "0x2"]),
    age=unsure_spans,
    quiet=unsure_spans,
    closing=st.booleans(),
    tls=texts,
)
bouncer_databases = st.builds(
    BouncerDatabase,
    name=texts,
    host=texts,
    port=st.integers(0, 65535),
    database=texts,
    force_user=texts,
    mode=st.sampled_from(["", "session", "transaction"]),
    pool_size=limits,
    min_pool_size=counts,
    reserve=limits,
    max_connections=counts,
    current_connections=counts,
    max_client_connections=counts,
    current_client_connections=counts,
    paused=st.booleans(),
    disabled=st.booleans(),
)
bouncer_users = st.builds(BouncerUser, texts, texts, limits, limits, limits, limits, limits, limits)
rates = st.builds(Rates, spans, spans, spans, spans, unsure_spans, unsure_spans, spans, logins=unsure_spans)
bouncer_settings = st.builds(
    Setting,
    st.sampled_from(["max_client_conn", "default_pool_size", "server_idle_timeout", "query_wait_timeout", "odd"]),
    st.one_of(texts, st.integers(0, 100).map(str)),
    st.one_of(st.none(), texts),
    st.booleans(),
)
# What holds clients up: all of it, databases, or a full house.
standing: dict[str, st.SearchStrategy[Any]] = {
    "name": texts,
    "version": st.just("1.25.2"),
    "pools": st.lists(pools, max_size=3).map(tuple),
    "trouble": st.sampled_from(["", "connection refused", "\x1b[31m"]),
    "age": st.one_of(st.none(), st.floats(0, 100)),
    "databases": st.lists(bouncer_databases, max_size=2, unique_by=lambda one: one.name).map(tuple),
    "config": st.lists(bouncer_settings, max_size=2).map(tuple),
    "lists": st.lists(st.tuples(st.sampled_from(["databases", "used_clients"]), counts), max_size=2).map(tuple),
    "state": st.sampled_from(PoolerState),
    "admin": st.one_of(st.none(), st.booleans()),
}
pgbouncers = st.builds(PgBouncer, **standing)
stats = st.builds(
    DatabaseStats, texts, st.builds(Totals, *[spans] * 7, logins=unsure_spans), rates, st.one_of(st.none(), rates)
)
commands = st.builds(BouncerCommand, st.sampled_from(BouncerVerb), texts, st.one_of(st.none(), bouncer_clients))
whole_pgbouncers = st.builds(
    PgBouncer,
    **standing,
    servers=st.lists(server_connections, max_size=2).map(tuple),
    clients=st.lists(bouncer_clients, max_size=2).map(tuple),
    users=st.lists(bouncer_users, max_size=1).map(tuple),
    stats=st.lists(stats, max_size=1).map(tuple),
    sockets_age=st.floats(0, 100),
    product=st.sampled_from(["", "Odyssey"]),
    command=st.one_of(st.none(), commands),
    gaps=st.lists(gaps, max_size=1).map(tuple),
    peers=st.lists(texts, max_size=2).map(tuple),
)


@st.composite
def settings(draw: st.DrawFn) -> SlotSettings:
    """What a server accepts: the reserves are smaller than max_connections."""
    most = draw(st.integers(1, 60))
    superuser = draw(st.integers(0, most - 1))
    return SlotSettings(most, superuser, draw(st.integers(0, most - 1 - superuser)), draw(st.integers(0, 10)))


def _role(name: str) -> st.SearchStrategy[Role]:
    return st.builds(Role, st.just(name), st.booleans(), limits, *[st.booleans()] * 4)


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
    label=texts,
    hint=texts,
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
        "held_locks": st.lists(held_locks, max_size=3).map(tuple),
        "roles": st.fixed_dictionaries({}, optional={name: _role(name) for name in USERS}),
        "databases": st.fixed_dictionaries({}, optional={name: _database(name) for name in DATABASES}),
        "pgbouncers": st.lists(pgbouncers, max_size=2, unique_by=lambda one: one.name).map(tuple),
        "gaps": st.lists(gaps, max_size=2).map(tuple),
        "prepared": st.lists(prepared, max_size=2).map(tuple),
        "returned": texts,
        "literals_hidden": st.booleans(),
        "lock_totals": st.none() | st.lists(st.builds(LockTotal, texts, pids), max_size=2).map(tuple),
        "session_totals": st.none() | st.builds(SessionTotals, *[st.integers(0, 10**12)] * 4),
        "refusals": st.none() | refusals,
        "spared": st.lists(spared, max_size=2, unique_by=lambda one: one.part).map(tuple),
    }
    return st.builds(Snapshot, **{**plain, **given})


def whole_snapshots() -> st.SearchStrategy[Snapshot]:
    """Any value in any field, and little of each: for what must treat all of them alike."""
    return snapshots(
        sessions=st.lists(sessions(), max_size=3, unique_by=lambda one: one.pid).map(tuple),
        processes=st.lists(processes, max_size=2, unique_by=lambda one: one.pid).map(tuple),
        pgbouncers=st.lists(whole_pgbouncers, max_size=1).map(tuple),
    )
