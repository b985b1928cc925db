"""Commands to a PgBouncer: which are possible, and what they would do here and now."""

from collections import Counter
from collections.abc import Callable, Mapping

from pgheadroom.model import versions
from pgheadroom.model.bouncer import BouncerClient, BouncerDatabase, PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.words.counts import plural
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped

PAUSE_WITHIN = 30.0
"""Seconds in which a PAUSE has to come about; then it is taken back with RESUME."""


def command_words(command: BouncerCommand) -> str:
    """A command as one reads it: `PAUSE shop`, `KILL_CLIENT 17 (checkout)`."""
    if command.client is not None:
        return f"{command.verb} {command.client.id} ({safe(command.client.application or command.client.user)})"
    return f"{command.verb} {safe(command.database)}".strip()


def forbidden(command: BouncerCommand, bouncer: PgBouncer) -> str:
    """Why it cannot be given, in one line that is safe to show; empty when it can."""
    if bouncer.product:
        return f"commands are for PgBouncer only, and this is {safe(bouncer.product)}"
    if bouncer.age is None or bouncer.trouble:
        return f"what it would do is not known: {safe(bouncer.trouble) or 'nothing was seen yet'}"
    if bouncer.admin is not True:
        return "our user is not in admin_users"
    if command.verb is BouncerVerb.KILL_CLIENT:
        return _no_kill_client(command.client, bouncer)
    if command.verb is BouncerVerb.RELOAD:
        return ""
    return _not_for_database(command, bouncer)


def offered(bouncer: PgBouncer, database: str) -> tuple[BouncerCommand, ...]:
    """The commands that a database of this PgBouncer can be given now."""
    verbs = [verb for verb in BouncerVerb if verb not in (BouncerVerb.KILL_CLIENT, BouncerVerb.RELOAD)]
    commands = (BouncerCommand(verb, database) for verb in verbs)
    return tuple(command for command in commands if not forbidden(command, bouncer))


def resume_of(command: BouncerCommand) -> BouncerCommand:
    """The command that undoes a PAUSE or a KILL."""
    return BouncerCommand(BouncerVerb.RESUME, command.database)


def consequence(command: BouncerCommand, bouncer: PgBouncer) -> str:
    """What the command would do by what was seen last, in one or two sentences that are safe to show."""
    if command.verb is BouncerVerb.KILL_CLIENT:
        return _kill_client(command.client, bouncer)
    return _CONSEQUENCES[command.verb](command.database, bouncer)


def _no_kill_client(client: BouncerClient | None, bouncer: PgBouncer) -> str:
    if bouncer.version_num < versions.BOUNCER_CLIENT_IDS_SINCE or client is None or client.id is None:
        return f"KILL_CLIENT came with PgBouncer 1.24, and this is {safe(bouncer.version)}"
    return "" if any(one.id == client.id for one in bouncer.clients) else "this client has left"


def _not_for_database(command: BouncerCommand, bouncer: PgBouncer) -> str:
    everything_stopped = bouncer.state in (PoolerState.PAUSED, PoolerState.SUSPENDED)
    if not command.database:
        if command.verb is not BouncerVerb.RESUME:
            return f"{command.verb} needs a database"
        return "PgBouncer is not paused" if bouncer.state is PoolerState.ACTIVE else ""
    database = bouncer.database(command.database)
    if database is None:
        return f"no database {safe(command.database)} here"
    if everything_stopped and command.verb in (BouncerVerb.PAUSE, BouncerVerb.KILL):
        return f"all of PgBouncer is {bouncer.state}: RESUME it first"
    return _of_no_use(command.verb, database)


def _of_no_use(verb: BouncerVerb, database: BouncerDatabase) -> str:
    name = safe(database.name)
    if verb is BouncerVerb.PAUSE and database.paused:
        return f"{name} is paused already"
    if verb is BouncerVerb.RESUME and not database.paused:
        return f"{name} is not paused"
    if verb is BouncerVerb.DISABLE and database.disabled:
        return f"{name} is disabled already"
    if verb is BouncerVerb.ENABLE and not database.disabled:
        return f"{name} is not disabled"
    return ""


# --- what each would do ----------------------------------------------------------------------------------------------


def _pools(database: str, bouncer: PgBouncer) -> list[Pool]:
    return [pool for pool in bouncer.pools if pool.database == database]


def _clients(database: str, bouncer: PgBouncer) -> int:
    return sum(pool.cl_active + pool.cl_waiting for pool in _pools(database, bouncer))


def _servers(database: str, bouncer: PgBouncer) -> int:
    return sum(pool.servers for pool in _pools(database, bouncer))


def clients_by_role(database: str, bouncer: PgBouncer) -> Counter[str]:
    """How many clients of a database each role has, as they logged in; without the list of clients, as its pools do."""
    found = Counter(one.user for one in bouncer.clients if one.database == database)
    for pool in () if found else _pools(database, bouncer):
        found[pool.user] += pool.cl_active + pool.cl_waiting
    return +found


def _for_all(database: str, bouncer: PgBouncer) -> str:
    """That it is about more than one role, with each of them; empty where there is but one."""
    roles = clients_by_role(database, bouncer).most_common()
    if len(roles) < 2:
        return ""
    (first, most), *others = roles
    told = ", ".join(f"{count} of {clipped(role)}" for role, count in others)
    return f" It is for the whole database: {plural(most, 'client')} of {clipped(first)}, {told}."


def _in_use(database: str, bouncer: PgBouncer) -> int:
    return sum(pool.sv_active for pool in _pools(database, bouncer))


def _limit_in_seconds(key: str, bouncer: PgBouncer) -> float:
    try:
        return float(bouncer.setting(key) or 0)
    except ValueError:
        return 0.0


def waits_for_clients(database: str, bouncer: PgBouncer) -> bool:
    """Whether a PAUSE would wait for clients to leave: in session mode each keeps its server as long as it is there."""
    return any(pool.mode == "session" and pool.sv_active for pool in _pools(database, bouncer))


def _pause(database: str, bouncer: PgBouncer) -> str:
    name, in_use = safe(database), _in_use(database, bouncer)
    sentence = f"Holds {plural(_clients(database, bouncer), 'client')} of {name} until RESUME"
    patience = _limit_in_seconds("query_wait_timeout", bouncer)
    if patience:
        sentence += f"; who waits longer than {patience:g} s (query_wait_timeout) is cut"
    freed = f" It closes {plural(_servers(database, bouncer), 'server connection')}"
    if not in_use:
        return f"{sentence}.{freed} at once.{_for_all(database, bouncer)}"
    session = waits_for_clients(database, bouncer)
    until = "its client has left (session mode)" if session else "its client has let go of it"
    waits = f" Until then it does not come about: after {PAUSE_WITHIN:g} s it is taken back." if session else ""
    used = f"{'the' if in_use == 1 else 'each of the'} {in_use} in use when {until}"
    return f"{sentence}.{freed}, {used}.{waits}{_for_all(database, bouncer)}"


def _resume(database: str, bouncer: PgBouncer) -> str:
    pools = _pools(database, bouncer) if database else list(bouncer.pools)
    waiting = sum(pool.cl_waiting for pool in pools)
    whom = safe(database) if database else "all of PgBouncer"
    sentence = f"Lets {whom} go on: {plural(waiting, 'client')} {'waits' if waiting == 1 else 'wait'} now."
    retry = _limit_in_seconds("server_login_retry", bouncer)
    # A login that was tried during the pause counts as failed, and the next one waits (seen with 1.18).
    if waiting and retry and not sum(pool.servers for pool in pools):
        sentence += f" They may have to wait {retry:g} s more (server_login_retry)."
    return sentence


def _disable(database: str, bouncer: PgBouncer) -> str:
    connected = _clients(database, bouncer)
    return f"Refuses new clients of {safe(database)} until ENABLE; {_those(connected)}.{_for_all(database, bouncer)}"


def _those(connected: int) -> str:
    if not connected:
        return "nobody is connected now"
    return f"the {plural(connected, 'client')} connected now {'stays' if connected == 1 else 'stay'}"


def _enable(database: str, bouncer: PgBouncer) -> str:
    return f"Lets new clients of {safe(database)} in again."


def _reconnect(database: str, bouncer: PgBouncer) -> str:
    servers, in_use = _servers(database, bouncer), _in_use(database, bouncer)
    return (
        f"Closes the {plural(servers, 'server connection')} of {safe(database)} and opens new ones as they are needed; "
        f"{in_use} in use {'is' if in_use == 1 else 'are'} closed when let go. No client is cut."
    )


def _kill(database: str, bouncer: PgBouncer) -> str:
    clients, servers = _clients(database, bouncer), _servers(database, bouncer)
    return (
        f"Cuts {plural(clients, 'client')} and closes {plural(servers, 'server connection')} at once, "
        f"{_in_use(database, bouncer)} of them in use: open transactions are rolled back. "
        f"{safe(database)} stays paused until RESUME: clients that come back wait."
    )


def _kill_client(client: BouncerClient | None, bouncer: PgBouncer) -> str:
    if client is None:
        return "Cuts nobody."
    where = "the Unix socket" if client.address == "unix" else safe(client.address)
    whose = f"{safe(client.user)}@{safe(client.database)} from {where}"
    server = next((one for one in bouncer.servers if client.link and one.ptr == client.link), None)
    if server is None:
        return f"Cuts the client {whose}; it uses no server connection now."
    return (
        f"Cuts the client {whose}, and closes its server connection (backend {server.remote_pid}): "
        "an open transaction is rolled back."
    )


def _reload(database: str, bouncer: PgBouncer) -> str:
    return (
        f"{safe(bouncer.name)} reads its configuration files again; nobody is cut. Server connections whose settings "
        "changed are closed when let go."
    )


_CONSEQUENCES: Mapping[BouncerVerb, Callable[[str, PgBouncer], str]] = {
    BouncerVerb.PAUSE: _pause,
    BouncerVerb.RESUME: _resume,
    BouncerVerb.DISABLE: _disable,
    BouncerVerb.ENABLE: _enable,
    BouncerVerb.RECONNECT: _reconnect,
    BouncerVerb.KILL: _kill,
    BouncerVerb.RELOAD: _reload,
}
