"""Screen 4: what each PgBouncer's console knows, and its commands."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from pgheadroom.analysis import Analysis
from pgheadroom.model.bouncer import BouncerClient, BouncerDatabase
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.chain import Chain
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.pool_limits import PoolLimits
from pgheadroom.model.session import Session
from pgheadroom.rules.facts.overcommit import proposals, sentence
from pgheadroom.rules.pools.banners import banners, pause_waits_for
from pgheadroom.rules.pools.commands import forbidden, offered
from pgheadroom.rules.pools.pool_limits import pool_limits
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.choices import Choices
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.bouncer_lines import bouncer_lines, not_shown
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.columns import Column
from pgheadroom.view.tables.bouncer import (
    CLIENT_COLUMNS,
    CONFIG_COLUMNS,
    DATABASE_COLUMNS,
    LIST_COLUMNS,
    SERVER_COLUMNS,
    STATS_COLUMNS,
    USER_COLUMNS,
    Of,
    client_rows,
    config_rows,
    server_rows,
)
from pgheadroom.view.tables.pools import POOL_COLUMNS, PoolRow, pool_rows

_NONE = "no PgBouncer given: start with --pgbouncer CONNINFO, or name it in the configuration"
_LEAD_TO_BACKENDS = frozenset({"clients", "servers"})
_MOST_BANNERS = 6
_MOST_PROPOSALS = 3


class Tab:
    """One of the console's lists: its title, columns, and rows."""

    def __init__(
        self,
        name: str,
        title: str,
        columns: Sequence[Column[Any]],
        rows: Callable[[PgBouncer, Analysis], Sequence[Any]],
    ) -> None:
        self.name = name
        self.title = title
        self.columns = columns
        self.rows = rows


def _of(bouncer: PgBouncer, items: Sequence[Any]) -> list[Of[Any]]:
    return [Of(bouncer, item) for item in items]


TABS: tuple[Tab, ...] = (
    Tab("pools", "Pools", POOL_COLUMNS, lambda bouncer, analysis: pool_rows([bouncer], analysis.thresholds)),
    Tab("clients", "Clients", CLIENT_COLUMNS, lambda bouncer, analysis: client_rows(bouncer, analysis.chains)),
    Tab("servers", "Servers", SERVER_COLUMNS, lambda bouncer, analysis: server_rows(bouncer, analysis.chains)),
    Tab("databases", "Databases", DATABASE_COLUMNS, lambda bouncer, analysis: _of(bouncer, bouncer.databases)),
    Tab("stats", "Stats", STATS_COLUMNS, lambda bouncer, analysis: _of(bouncer, bouncer.stats)),
    Tab("users", "Users", USER_COLUMNS, lambda bouncer, analysis: _of(bouncer, bouncer.users)),
    Tab("config", "Config", CONFIG_COLUMNS, lambda bouncer, analysis: config_rows(bouncer)),
    Tab("lists", "Lists", LIST_COLUMNS, lambda bouncer, analysis: _of(bouncer, bouncer.lists)),
)


def _key(row: Any) -> Any:
    """What a row is told again by in the next sample."""
    if isinstance(row, PoolRow):
        return row.key
    item = row.item
    identity = getattr(item, "ptr", None) or getattr(item, "key", None) or getattr(item, "name", None)
    return (row.bouncer.name, identity or getattr(item, "database", None) or item[0])


class Bouncers(LiveScreen):
    """One list at a time, of all PgBouncers together; Tab goes on to the next list."""

    kind = "pgbouncer"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("X", "command", "command", tooltip="Command PgBouncer: pause, resume, kill ..."),
    ]

    def body(self) -> Iterator[Any]:
        yield Lines(id="bouncers")
        yield Choices(id="tabs")
        for tab in TABS:
            yield Table[Any](
                tab.title.upper(),
                tab.columns,
                _key,
                id=tab.name,
                note=lambda row: getattr(row, "note", None),
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command":
            powers = self.monitor.acting.powers
            commands = powers is not None and powers.commands is not None
            return commands and any(one.admin for one in self._bouncers())
        return super().check_action(action, parameters)

    def _bouncers(self) -> tuple[PgBouncer, ...]:
        return self.monitor.analysis.snapshot.pgbouncers if self.monitor.analysis else ()

    def show(self, analysis: Analysis) -> None:
        bouncers = analysis.snapshot.pgbouncers
        head = self.query_one("#bouncers", Lines)
        width = head.size.width
        lines = [line for one in bouncers for line in _head_lines(analysis, one, width)]
        lines += _warnings(_overcommitment(analysis), _MOST_PROPOSALS, width)
        room = _MOST_BANNERS + len(bouncers)
        if len(lines) > room:
            lines = [*lines[: room - 1], _more(len(lines) - room + 1, width)]
        head.styles.height = max(1, len(lines))
        head.paint(lines or [fit_line([Cell(_NONE, "warn")], head.size.width)])
        current = self.current_pane
        self._show_tabs(current.id if current else None)
        tab = next((tab for tab in TABS if current is not None and tab.name == current.id), TABS[0])
        rows = [row for bouncer in bouncers for row in tab.rows(bouncer, analysis)]
        lacking = not_shown(bouncers, tab.name)
        remark = Cell(lacking if rows else "", "dim")
        self.pane(tab.name).leave_out({"bouncer"} if len(bouncers) == 1 else ())
        self.pane(tab.name).show(
            rows, analysis.snapshot.taken_at, remark, empty=lacking or ("none" if bouncers else _NONE)
        )

    def _show_tabs(self, current: str | None) -> None:
        names = [(tab.name, Cell(f" {tab.title} ", "tab" if tab.name == current else "dim")) for tab in TABS]
        self.query_one("#tabs", Choices).offer([("", Cell("Tab ", "key")), *names])

    @on(Choices.Chosen, "#tabs")
    def go_to_list(self, event: Choices.Chosen) -> None:
        self.focus_pane(self.pane(event.name))

    # Going on from a row, and acting

    def chosen(self) -> list[Session]:
        """The backend that the row leads to; from a client it is the one that serves it now."""
        analysis, row = self.monitor.analysis, self.current_pane.current if self.current_pane else None
        if analysis is None or not isinstance(row, Of):
            return []
        session = analysis.chains.session_of(row.bouncer, row.item)
        return [session] if session is not None else []

    @property
    def _leads_to_backends(self) -> bool:
        pane = self.current_pane if self.is_mounted else None
        return pane is not None and pane.id in _LEAD_TO_BACKENDS

    def offers(self, action: str) -> bool:
        return super().offers(action) and (action not in {"terminate", "cancel"} or self._leads_to_backends)

    def without_session(self) -> str:
        row = self.current_pane.current if self.current_pane else None
        if not self._leads_to_backends:
            return "a session is chosen on Clients or Servers: Tab leads there"
        if not isinstance(row, Of):
            return ""
        if row.bouncer.trouble:
            return "the session of this row is not known: its PgBouncer gives no data"
        return "this row has no session of this server now"

    def on_table_opened(self, event: Table.Opened) -> None:
        sessions = self.chosen()
        if sessions:
            self.monitor.open_detail(sessions[0])
        elif isinstance(event.row, PoolRow) and event.row.pool is not None:
            self._open_clients_of(event.row)
        elif self._leads_to_backends:
            self.monitor.say(self.without_session())

    def _open_clients_of(self, row: PoolRow) -> None:
        if row.pool is None:
            return
        clients = self.pane("clients")
        clients.set_filter(f"{row.pool.user} {row.pool.database}")
        self.focus_pane(clients)

    def point_to(self, bouncer: str, client: BouncerClient) -> None:
        """Show the clients, with the cursor on this one."""
        clients = self.pane("clients")
        clients.set_filter("")
        clients.pin_to((bouncer, client.ptr))
        self.focus_pane(clients)

    def action_command(self) -> None:
        row = self.current_pane.current if self.current_pane else None
        if row is None:
            self.monitor.say("no row is chosen: move the cursor to a pool, a database or a client")
            return
        self.monitor.acting.open_commands(row.bouncer, commands_for(row))

    def leave(self) -> None:
        self.monitor.action_mode("overview")


def _head_lines(analysis: Analysis, bouncer: PgBouncer, width: int) -> list[Line]:
    waited_for = _waited_for(analysis, bouncer, bouncer.command) if bouncer.command else ()
    return bouncer_lines(bouncer, banners(bouncer), waited_for, _limits(analysis, bouncer), width)


def _warnings(words: Sequence[str], most: int, width: int) -> list[Line]:
    """The first of them; of the others, how many there are."""
    shown = words if len(words) <= most else words[: most - 1]
    lines = [fit_line([Cell(one, "warn")], width) for one in shown]
    return [*lines, _more(len(words) - len(shown), width)] if len(shown) < len(words) else lines


def _more(count: int, width: int) -> Line:
    return fit_line([Cell(f"+{count} more", "warn")], width)


def _waited_for(analysis: Analysis, bouncer: PgBouncer, running: BouncerCommand) -> tuple[Chain, ...]:
    return pause_waits_for(analysis.chains, bouncer, running.database) if running.verb is BouncerVerb.PAUSE else ()


def _overcommitment(analysis: Analysis) -> tuple[str, ...]:
    """What the PgBouncers may ask for, and what to cut; empty when the server has that many slots."""
    found = analysis.overcommitment
    return () if found is None or not found.exceeds else (sentence(found), *proposals(found))


def _limits(analysis: Analysis, bouncer: PgBouncer) -> list[tuple[Pool, PoolLimits]]:
    """What holds back the pools in which clients wait, where most wait first."""
    waiting = sorted((pool for pool in bouncer.pools if pool.cl_waiting), key=lambda pool: -pool.cl_waiting)
    return [(pool, pool_limits(analysis, bouncer, pool)) for pool in waiting]


def commands_for(row: Any) -> list[BouncerCommand]:
    """Every command that is about this row and can be given now."""
    bouncer: PgBouncer = row.bouncer
    item = row.pool if isinstance(row, PoolRow) else row.item
    found: list[BouncerCommand] = []
    if isinstance(item, BouncerClient):
        kill = BouncerCommand(BouncerVerb.KILL_CLIENT, client=item)
        found += [] if forbidden(kill, bouncer) else [kill]
    database = item.name if isinstance(item, BouncerDatabase) else getattr(item, "database", "")
    found += offered(bouncer, database) if database else ()
    reload = BouncerCommand(BouncerVerb.RELOAD)
    # A RESUME of all is of use only where all of it stands, or looks as if it did.
    whole = [one.remedy for one in banners(bouncer) if one.remedy is not None and not one.remedy.database]
    return [*found, *whole, *([] if forbidden(reload, bouncer) else [reload])]
