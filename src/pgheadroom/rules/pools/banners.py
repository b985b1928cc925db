"""What stands over a PgBouncer until somebody ends it: pauses, disabled databases, a full house."""

from collections.abc import Iterator

from pgheadroom.model.banner import Banner
from pgheadroom.model.bouncer import BouncerDatabase, PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.chain import Chain
from pgheadroom.model.pool import PgBouncer
from pgheadroom.rules.facts.chain import Chains
from pgheadroom.rules.pools.commands import forbidden
from pgheadroom.words.counts import plural, they
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe

_MOVES, _LETS_IN = "its clients get servers again", "new clients are let in again"


def banners(bouncer: PgBouncer) -> tuple[Banner, ...]:
    """The most far-reaching first."""
    return (*standing(bouncer), *_one_of_several(bouncer))


def standing(bouncer: PgBouncer) -> tuple[Banner, ...]:
    """Those that refuse or hold up clients."""
    return (*_everything(bouncer), *_databases(bouncer), *_full(bouncer))


def pause_waits_for(chains: Chains, bouncer: PgBouncer, database: str) -> tuple[Chain, ...]:
    """Whom a PAUSE of this database waits for: the server connections that a client uses, the longest first."""
    used = [
        chain
        for chain in chains
        if chain.bouncer == bouncer.name and chain.server.database == database and chain.server.link
    ]
    return tuple(sorted(used, key=lambda chain: -(chain.server.quiet or 0.0)))


def _everything(bouncer: PgBouncer) -> Iterator[Banner]:
    resume = BouncerCommand(BouncerVerb.RESUME)
    remedy = None if forbidden(resume, bouncer) else resume
    waiting = sum(pool.cl_waiting for pool in bouncer.pools)
    if bouncer.state is PoolerState.PAUSED:
        yield Banner("paused", f"all of PgBouncer is paused: {_wait(waiting)} until RESUME", remedy, proof=_MOVES)
    elif bouncer.state is PoolerState.SUSPENDED:
        text = "all of PgBouncer is suspended: nothing moves until RESUME, and new consoles hang"
        yield Banner("suspended", text, remedy, proof=_MOVES)
    elif bouncer.state is PoolerState.UNKNOWN and not bouncer.product and _looks_paused(bouncer):
        # Before 1.19 there is no SHOW STATE, and a PAUSE of everything is seen nowhere.
        words = f"{_wait(waiting)} and there is no server connection: paused as a whole, or it cannot log in"
        yield Banner("perhaps paused", words, remedy, proof=_MOVES)


def _looks_paused(bouncer: PgBouncer) -> bool:
    waiting = any(pool.cl_waiting for pool in bouncer.pools)
    one_is_paused = any(database.paused for database in bouncer.databases)
    return waiting and not one_is_paused and not any(pool.servers for pool in bouncer.pools)


def _databases(bouncer: PgBouncer) -> Iterator[Banner]:
    for database in bouncer.databases:
        if database.paused:
            yield _paused(database, bouncer)
        if database.disabled:
            enable = BouncerCommand(BouncerVerb.ENABLE, database.name)
            text = f"{safe(database.name)} is disabled: new clients are refused until ENABLE"
            remedy = None if forbidden(enable, bouncer) else enable
            made_by = BouncerCommand(BouncerVerb.DISABLE, database.name)
            yield Banner(f"disabled:{database.name}", text, remedy, proof=_LETS_IN, made_by=made_by)


def _paused(database: BouncerDatabase, bouncer: PgBouncer) -> Banner:
    pools = [pool for pool in bouncer.pools if pool.database == database.name]
    waiting, servers = sum(pool.cl_waiting for pool in pools), sum(pool.servers for pool in pools)
    longest = max((pool.maxwait for pool in pools), default=0.0)
    since = f", the first for {duration(longest)}" if longest >= 1 else ""
    state = f"is being paused, {plural(servers, 'server')} still open" if servers else "is paused"
    resume = BouncerCommand(BouncerVerb.RESUME, database.name)
    text = f"{safe(database.name)} {state}: {_wait(waiting)}{since} until RESUME"
    remedy = None if forbidden(resume, bouncer) else resume
    made_by = BouncerCommand(BouncerVerb.PAUSE, database.name)
    return Banner(f"paused:{database.name}", text, remedy, proof=_MOVES, made_by=made_by)


def _wait(waiting: int) -> str:
    return they(waiting, "client", "wait") if waiting else "clients wait"


def _full(bouncer: PgBouncer) -> Iterator[Banner]:
    ceiling = bouncer.limit("max_client_conn")
    used = dict(bouncer.lists).get("used_clients")
    if ceiling and used is not None and used >= ceiling:
        hint = "Find the clients that are idle and close them where they come from; then raise max_client_conn."
        text = f"max_client_conn {ceiling} is reached: new clients are refused"
        yield Banner("full", text, hint=hint, refuses=True, proof=f"fewer than {ceiling} clients are connected")


def _one_of_several(bouncer: PgBouncer) -> Iterator[Banner]:
    """Processes that share a port have a console each: what it shows is its own. No trouble, but no whole either."""
    if bouncer.shares_its_port:
        hint = "Give the console of each process (--pgbouncer), over its own Unix socket."
        several = len(bouncer.peers) > 1
        others = f"{len(bouncer.peers)} processes share this port" if several else "other processes may share this port"
        text = f"so_reuseport: {others}; this console shows the clients and pools of one, which is a part of them"
        yield Banner("one of several", text, hint=hint)
