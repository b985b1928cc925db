"""The tables of the PgBouncer screen: clients, servers, databases, statistics, users, configuration, lists."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from pgheadroom.conninfo import at_port
from pgheadroom.model.bouncer import (
    BouncerClient,
    BouncerDatabase,
    BouncerUser,
    DatabaseStats,
    Rates,
    ServerConnection,
    Setting,
)
from pgheadroom.model.chain import Chain
from pgheadroom.model.pool import PgBouncer
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import count_cell, name_cell
from pgheadroom.view.tables.locks import client_words
from pgheadroom.words.durations import duration
from pgheadroom.words.text import place, safe

Item = TypeVar("Item")


class Of(NamedTuple, Generic[Item]):
    """Something of one PgBouncer. `other` names the other end of a client's or server's link, where it is known."""

    bouncer: PgBouncer
    item: Item
    other: str = ""


def _column(
    name: str,
    title: str,
    width: int,
    cell: Callable[[Item], Cell],
    order: Callable[[Item], Any] | None = None,
    **more: Any,
) -> Column[Of[Item]]:
    def of_row(row: Of[Item], now: datetime) -> Cell:
        return cell(row.item)

    def order_of_row(row: Of[Item], now: datetime) -> Any:
        return order(row.item) if order else None

    return Column(name, title, width, of_row, order_of_row if order else None, **more)


def _bouncer_column() -> Column[Of[Any]]:
    return Column("bouncer", "pgbouncer", 8, lambda row, now: Cell(place(row.bouncer.name)), flex=1, importance=1)


def _other_column(title: str) -> Column[Of[Any]]:
    return Column("other", title, 10, lambda row, now: name_cell(row.other), lambda row, now: row.other, flex=3)


def _limit_cell(used: int | None, ceiling: int | None) -> Cell:
    """`7/20`; a ceiling of 0 is none."""
    if used is None and ceiling is None:
        return Cell("-", "dim")
    if not ceiling:
        return Cell(str(used or 0), "" if used else "dim")
    full = used is not None and used >= ceiling
    return Cell(f"{'-' if used is None else used}/{ceiling}", "bad" if full else "")


def _where(address: str, port: int) -> Cell:
    return Cell(safe(address)) if address == "unix" else Cell(safe(at_port(address, port)))


_CLIENT_STYLES = {"waiting": "bad", "active": "active", "idle": "idle"}


def _client_state(client: BouncerClient) -> Cell:
    return Cell(safe(client.state), _CLIENT_STYLES.get(client.state, "other"))


def _seconds(seconds: float | None, style: str = "") -> Cell:
    return Cell(duration(seconds), style if seconds else "dim")


CLIENT_COLUMNS: tuple[Column[Of[BouncerClient]], ...] = (
    _bouncer_column(),
    _column("user", "user", 8, lambda c: name_cell(c.user), lambda c: c.user, flex=1),
    _column("database", "database", 8, lambda c: name_cell(c.database), lambda c: c.database, flex=1, importance=3),
    _column("application", "application", 12, lambda c: name_cell(c.application), lambda c: c.application, flex=2),
    _column("client", "client", 15, lambda c: _where(c.address, c.port), lambda c: (c.address, c.port), flex=1),
    _column("state", "state", 8, _client_state, lambda c: c.state),
    _column("waited", "waited", 6, lambda c: _seconds(c.waited, "bad"), lambda c: c.waited, align=">", descending=True),
    _column(
        "quiet", "quiet", 6, lambda c: _seconds(c.quiet), lambda c: c.quiet, align=">", importance=4, descending=True
    ),
    _column("age", "conn", 6, lambda c: _seconds(c.age), lambda c: c.age, align=">", importance=2, descending=True),
    _other_column("backend"),
)


def _backend_pid(server: ServerConnection) -> Cell:
    return Cell(str(server.remote_pid)) if server.remote_pid else Cell("-", "dim")


SERVER_COLUMNS: tuple[Column[Of[ServerConnection]], ...] = (
    _bouncer_column(),
    _column("user", "user", 8, lambda s: name_cell(s.user), lambda s: s.user, flex=1),
    _column("database", "database", 8, lambda s: name_cell(s.database), lambda s: s.database, flex=1, importance=3),
    _column("pid", "backend", 8, _backend_pid, lambda s: s.remote_pid, align=">"),
    _column(
        "state", "state", 8, lambda s: Cell(safe(s.state), "active" if s.state == "active" else ""), lambda s: s.state
    ),
    _column(
        "quiet", "quiet", 6, lambda s: _seconds(s.quiet), lambda s: s.quiet, align=">", importance=4, descending=True
    ),
    _column("age", "conn", 6, lambda s: _seconds(s.age), lambda s: s.age, align=">", importance=2, descending=True),
    _column(
        "closing", "closing", 7, lambda s: Cell("closing", "warn") if s.closing else Cell("-", "dim"), importance=1
    ),
    _other_column("client using it"),
)


def _standing(database: BouncerDatabase) -> Cell:
    if database.paused:
        return Cell("paused", "bad")
    return Cell("disabled", "bad") if database.disabled else Cell("open", "dim")


def _target(database: BouncerDatabase) -> Cell:
    host = database.host or "unix"
    return Cell(safe(f"{at_port(host, database.port)}/{database.database}"))


DATABASE_COLUMNS: tuple[Column[Of[BouncerDatabase]], ...] = (
    _bouncer_column(),
    _column("name", "database", 10, lambda d: name_cell(d.name), lambda d: d.name, flex=1),
    _column("standing", "standing", 8, _standing, lambda d: (d.paused, d.disabled), descending=True),
    _column("pool_size", "pool", 4, lambda d: Cell("-" if d.pool_size is None else str(d.pool_size)), align=">"),
    _column("reserve", "+res", 4, lambda d: Cell("-" if d.reserve is None else str(d.reserve)), align=">"),
    _column("servers", "servers", 9, lambda d: _limit_cell(d.current_connections, d.max_connections), align=">"),
    _column("mode", "mode", 11, lambda d: Cell(safe(d.mode) or "default", "" if d.mode else "dim"), importance=3),
    _column("user", "as user", 8, lambda d: name_cell(d.force_user), importance=2),
    _column("target", "PostgreSQL", 16, _target, flex=3, importance=4),
)


def _rate(
    pick: Callable[[Rates], float | None], shown: Callable[[float | None], str]
) -> Callable[[DatabaseStats], Cell]:
    def cell(stats: DatabaseStats) -> Cell:
        rates = stats.recent or stats.average
        value = pick(rates)
        return Cell(shown(value), "" if value else "dim")

    return cell


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _bytes(value: float | None) -> str:
    if value is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f}{unit}"
        value /= 1000
    return f"{value:.1f}GB"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value * 1000:.1f}ms" if value < 1 else f"{value:.1f}s"


STATS_COLUMNS: tuple[Column[Of[DatabaseStats]], ...] = (
    _bouncer_column(),
    _column("database", "database", 10, lambda s: name_cell(s.database), lambda s: s.database, flex=1),
    _column("transactions", "tx/s", 7, _rate(lambda r: r.transactions, _number), align=">"),
    _column("queries", "query/s", 7, _rate(lambda r: r.queries, _number), align=">"),
    _column("transaction_time", "tx time", 8, _rate(lambda r: r.transaction_seconds, _milliseconds), align=">"),
    _column("query_time", "q time", 8, _rate(lambda r: r.query_seconds, _milliseconds), align=">", importance=3),
    _column("wait", "wait/s", 8, _rate(lambda r: r.wait_seconds, _milliseconds), align=">", importance=4),
    _column("logins", "login/s", 7, _rate(lambda r: r.logins, _number), align=">", importance=2),
    _column("received", "in/s", 7, _rate(lambda r: r.received, _bytes), align=">", importance=2),
    _column("sent", "out/s", 7, _rate(lambda r: r.sent, _bytes), align=">", importance=2),
    _column("over", "over", 8, lambda s: Cell("sample" if s.recent else "period", "dim"), importance=1),
)

USER_COLUMNS: tuple[Column[Of[BouncerUser]], ...] = (
    _bouncer_column(),
    _column("name", "user", 12, lambda u: name_cell(u.name), lambda u: u.name, flex=1),
    _column("mode", "mode", 12, lambda u: Cell(safe(u.mode) or "default", "" if u.mode else "dim")),
    _column("pool_size", "pool", 6, lambda u: Cell("-" if u.pool_size is None else str(u.pool_size)), align=">"),
    _column("servers", "servers", 9, lambda u: _limit_cell(u.current_connections, u.max_connections), align=">"),
    _column(
        "clients",
        "clients",
        9,
        lambda u: _limit_cell(u.current_client_connections, u.max_client_connections),
        align=">",
    ),
)

CONFIG_COLUMNS: tuple[Column[Of[Setting]], ...] = (
    _bouncer_column(),
    _column("key", "setting", 28, lambda s: Cell(safe(s.key), "strong" if s.changed else ""), lambda s: s.key),
    _column("value", "value", 14, lambda s: Cell(safe(s.value), "warn" if s.changed else ""), flex=2),
    _column("default", "default", 12, lambda s: Cell(safe(s.default or ""), "dim"), flex=1),
    _column(
        "changeable", "takes effect", 12, lambda s: Cell("RELOAD" if s.changeable else "restart", "dim"), importance=2
    ),
)

_LIST_MEANINGS = {
    "free_clients": "cached memory, not room for more clients",
    "free_servers": "cached memory, not room for more servers",
    "login_clients": "clients that log in now",
    "used_clients": "clients connected, the console's too",
    "used_servers": "server connections open",
}

LIST_COLUMNS: tuple[Column[Of[tuple[str, int]]], ...] = (
    _bouncer_column(),
    _column("name", "list", 20, lambda item: Cell(safe(item[0])), lambda item: item[0]),
    _column("count", "count", 8, lambda item: count_cell(item[1]), lambda item: item[1], align=">", descending=True),
    _column("meaning", "", 24, lambda item: Cell(_LIST_MEANINGS.get(item[0], ""), "dim"), flex=1),
)


def client_rows(bouncer: PgBouncer, chains: Iterable[Chain]) -> list[Of[BouncerClient]]:
    """Who waits first, the longest at the top; then who works, then the others. `other` is the backend."""
    rank = {"waiting": 0, "active": 1}
    ordered = sorted(
        bouncer.clients, key=lambda client: (rank.get(client.state, 2), -client.waited, -(client.age or 0))
    )
    ends = {chain.client.ptr: chain for chain in chains if chain.bouncer == bouncer.name and chain.client}
    return [Of(bouncer, client, _backend_words(ends.get(client.ptr))) for client in ordered]


def _backend_words(chain: Chain | None) -> str:
    if chain is None:
        return ""
    return f"pid {chain.session.pid} {chain.session.state.value}" if chain.session else chain.unknown


def server_rows(bouncer: PgBouncer, chains: Iterable[Chain]) -> list[Of[ServerConnection]]:
    """Those in use first. `other` is the client that uses it, or why its backend is not known."""
    found = [chain for chain in chains if chain.bouncer == bouncer.name]
    ordered = sorted(found, key=lambda chain: (chain.server.state != "active", -(chain.server.age or 0)))
    return [Of(bouncer, _with_pid(chain), _client_words(chain)) for chain in ordered]


def _with_pid(chain: Chain) -> ServerConnection:
    """A pooler that does not tell its backend's pid has it from the server."""
    if chain.session is None or chain.server.remote_pid:
        return chain.server
    return chain.server._replace(remote_pid=chain.session.pid)


def _client_words(chain: Chain) -> str:
    return client_words(chain.client) if chain.client is not None else chain.unknown


def config_rows(bouncer: PgBouncer) -> list[Of[Setting]]:
    """What differs from its default first, then by name."""
    ordered = sorted(bouncer.config, key=lambda setting: (not setting.changed, setting.key))
    return [Of(bouncer, setting) for setting in ordered]
