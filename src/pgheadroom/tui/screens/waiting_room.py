"""The waiting room: no door has room for us. What each said, what helps from outside, and PgBouncer meanwhile."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from pgheadroom.analysis import Analysis
from pgheadroom.model.update import Waiting
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.pgbouncer import commands_for
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.tables.pools import POOL_COLUMNS, PoolRow, pool_rows
from pgheadroom.view.waiting_lines import waiting_lines


class WaitingRoom(LiveScreen):
    """Drawn once a second and with each try; it closes by itself when a door opens."""

    kind = "waiting"

    tells_trouble = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("X", "command", "command", tooltip="Command PgBouncer: pause, resume, kill ..."),
    ]

    def body(self) -> Iterator[Any]:
        yield Pager(id="waiting")
        yield Table[PoolRow](
            "PGBOUNCER",
            POOL_COLUMNS,
            lambda row: row.key,
            id="pools",
            empty="none given: --pgbouncer CONNINFO",
            note=lambda row: row.note,
        )

    @property
    def _waiting(self) -> Waiting | None:
        return self.monitor.trouble.waiting if self.monitor.trouble is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"terminate", "cancel", "bulk", "hold", "let_go"}:
            return False  # there is no connection that could carry a signal or a statement
        if action == "command":
            bouncers = self._waiting.pgbouncers if self._waiting is not None else ()
            return self.monitor.acting.powers is not None and any(bouncer.admin for bouncer in bouncers)
        if action == "next_pane" or (action == "filter" and not (self._waiting and self._waiting.pgbouncers)):
            return False  # there is one pane at most, and without a PgBouncer none
        return super().check_action(action, parameters)

    def offers(self, action: str) -> bool:
        without_sample = self.monitor.analysis is None and action in {"pause", "mode('triage')"}
        return not without_sample and super().offers(action)

    def show(self, analysis: Analysis) -> None:
        """A analysis is of the time before; what is to be told here comes with the trouble."""

    def show_status(self) -> None:
        waiting, pager = self._waiting, self.query_one(Pager)
        if waiting is None or not pager.size.width:
            return
        now = datetime.now(waiting.since.tzinfo)
        pager.show(waiting_lines(waiting, now, pager.size.width))
        pools = self.pane("pools")
        pools.display = bool(waiting.pgbouncers)  # where none was given, what helps needs the room
        pools.show(pool_rows(waiting.pgbouncers, self.monitor.thresholds), now)
        self.refresh_bindings()

    def action_command(self) -> None:
        row = self.pane("pools").current
        if row is not None:
            self.monitor.acting.open_commands(row.bouncer, commands_for(row))

    def leave(self) -> None:
        if self.monitor.analysis is not None:
            self.monitor.action_mode("overview")
