"""SHOW CLIENTS and SHOW SERVERS as values. Pure, and quick: there can be thousands of clients each second."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pgheadroom.model.bouncer import CONSOLE, BouncerClient, ServerConnection
from pgheadroom.pgbouncer.table import Table, Value, count, seconds, text, whole

NEEDED_FOR_THE_CHAIN = ("ptr", "link", "remote_pid")
"""Columns without which clients cannot be joined with backends; look-alikes have none or few of them."""
_NO_DATABASE = "(nodb)"
"""Of connections between peers (1.19+), which belong to no pool."""


def read_clients(table: Table, now: datetime | None = None) -> tuple[BouncerClient, ...]:
    """SHOW CLIENTS without the admin consoles.

    Args:
        now: PgBouncer's clock, see `clock`; without it no ages are known.
    """
    age = _Ages(now)
    told_by_link = "link" in table.columns
    columns = zip(
        *(table.values(name) for name in ("user", "database", "state", "addr", "port", "application_name")),
        *(table.values(name) for name in ("wait", "wait_us", "connect_time", "request_time")),
        *(table.values(name) for name in ("ptr", "link", "remote_pid", "tls", "id")),
        strict=True,
    )
    return tuple(_clients(columns, age, told_by_link=told_by_link))


def _clients(rows: Iterable[tuple[Value, ...]], age: "_Ages", *, told_by_link: bool) -> Iterator[BouncerClient]:
    for user, database, state, addr, port, application, wait, wait_us, since, asked, ptr, link, pid, tls, id_ in rows:
        name = text(database)
        if name in (CONSOLE, _NO_DATABASE):
            continue
        doing, used = text(state), text(link)
        # Until 1.25 a client that does nothing is called active; it has no server.
        doing = "idle" if told_by_link and doing == "active" and not used else doing
        yield BouncerClient(
            text(user),
            name,
            doing,
            text(addr),
            count(port),
            text(application),
            # While it logs in, only the time of its request is kept.
            (seconds(wait, wait_us) or age.of(asked) or 0.0) if doing == "waiting" else 0.0,
            age.of(since),
            age.of(asked),
            text(ptr),
            used,
            count(pid),
            text(tls),
            whole(id_),
        )


def read_servers(table: Table, now: datetime | None = None) -> tuple[ServerConnection, ...]:
    """SHOW SERVERS: the connections to PostgreSQL. Ages as of `read_clients`; `application_name` came with 1.18."""
    age = _Ages(now)
    columns = zip(
        *(table.values(name) for name in ("database", "user", "state", "addr", "port", "local_port", "remote_pid")),
        *(table.values(name) for name in ("application_name", "ptr", "link", "connect_time", "request_time")),
        *(table.values(name) for name in ("close_needed", "tls", "local_addr")),
        strict=True,
    )
    return tuple(_servers(columns, age))


def _servers(rows: Iterable[tuple[Value, ...]], age: "_Ages") -> Iterator[ServerConnection]:
    for database, user, state, addr, port, here, pid, application, ptr, link, since, asked, closing, tls, at in rows:
        if text(database) == _NO_DATABASE:
            continue
        yield ServerConnection(
            text(database),
            text(user),
            text(state),
            text(addr),
            count(port),
            count(here),
            count(pid),
            text(application),
            text(ptr),
            text(link),
            age.of(since),
            age.of(asked),
            bool(count(closing)),
            text(tls),
            text(at),
        )


def clock(clients: Table) -> datetime | None:
    """PgBouncer's clock when it answered SHOW CLIENTS: the last request of a console, and that is our question.

    In its own time zone, whose name says little: only differences mean something.
    """
    consoles = zip(clients.values("database"), clients.values("request_time"), strict=True)
    moments = [moment for name, asked in consoles if text(name) == CONSOLE and (moment := _moment(asked))]
    return max(moments, default=None)


class _Ages:
    """Seconds since moments as PgBouncer writes them: `2026-11-22 15:42:18 UTC`."""

    def __init__(self, now: datetime | None) -> None:
        self._now = now
        self._known: dict[Value, float | None] = {}

    def of(self, written: Value) -> float | None:
        if written in self._known:
            return self._known[written]
        moment = _moment(written)
        age = max(0.0, (self._now - moment).total_seconds()) if self._now and moment else None
        self._known[written] = age
        return age


def _moment(written: Value) -> datetime | None:
    try:
        return datetime.fromisoformat(text(written)[:19]).replace(tzinfo=None)
    except ValueError:
        return None
