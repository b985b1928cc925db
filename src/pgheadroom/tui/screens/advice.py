"""Screen 7: what keeps it from happening again, by what was seen since the screen was opened, by what is remembered,
and by what is set."""

import os
from collections.abc import Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.worker import WorkerState

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.limit_rows import limit_rows, limit_sum
from pgheadroom.advice.observed import Watching
from pgheadroom.advice.pool_history import remembered_needs
from pgheadroom.advice.pool_sizes import pool_sum
from pgheadroom.advice.registry import looked, pieces
from pgheadroom.advice.well_set import well_set
from pgheadroom.analysis import Analysis
from pgheadroom.deadline import clock
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.advice import Advice, LimitRow, PoolNeed
from pgheadroom.model.ports import Advisory
from pgheadroom.model.server_settings import ServerSettings
from pgheadroom.model.session import Session
from pgheadroom.rules.acting.applied import AppliedPiece
from pgheadroom.rules.acting.apply import by_hand
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.copying import send_to_clipboard
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Cell, Line
from pgheadroom.view.tables.advice import ADVICE_COLUMNS, advice_lines, pool_lines, well_set_lines
from pgheadroom.view.tables.limits import LIMIT_COLUMNS
from pgheadroom.words.text import safe

_OF_SESSIONS = frozenset({"cancel", "terminate", "bulk"})
_POOLS_SHOWN = 3
_FEW_SAMPLES = 60
_READ_EVERY = 30.0
"""Seconds between two readings of the settings: they change by hand. Pools are counted again as seldom."""


class AdviceScreen(LiveScreen):
    """The pieces above, the one under the cursor told whole below it, and all limits; where there is little room these
    take its place. It watches while it is seen."""

    kind = "advice"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "apply", "apply", tooltip="Apply this piece of advice, after a question"),
        Binding("U", "undo", "undo", tooltip="Undo what was applied: this one, else the last"),
        Binding("y", "copy", "copy SQL", tooltip="Copy the statements of this piece of advice"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._watching = Watching(sizes_pools=False)
        self._taken: Analysis | None = None
        self._settings: ServerSettings | None = None
        self._read_at: float | None = None
        self._complaint = ""
        self._told = ""
        self._limits: tuple[tuple[LimitRow, ...], str] = (), ""
        self._memory: tuple[int, ...] = ()
        self._needs: tuple[PoolNeed, ...] = ()
        self._counted_at: float | None = None

    def body(self) -> Iterator[Any]:
        yield Table[Advice](
            "ADVICE", ADVICE_COLUMNS, lambda row: row.key, id="advice", empty="nothing to advise", falls_back=True
        )
        yield Pager("WHAT TO DO", id="advice-detail")
        yield Table[LimitRow](
            "LIMITS",
            LIMIT_COLUMNS,
            lambda row: (row.kind, row.name),
            id="limits",
            falls_back=True,
            filtered_by=lambda row: f"{row.kind} {row.name} {row.note}",
        )

    def show(self, analysis: Analysis) -> None:
        if self._taken is None or self._taken.snapshot is not analysis.snapshot:
            self._taken = analysis
            self._watching.take(analysis)
        self._ask()
        self._draw(analysis)

    def _draw(self, analysis: Analysis) -> None:
        self._count(analysis)
        if self._settings is not None:
            found = pieces(self._ground(analysis, self._settings))
            self.pane("advice").show((*found, *self.monitor.acting.applying.rows()), analysis.snapshot.taken_at)
        self._tell()
        self._show_limits(analysis)

    def _show_limits(self, analysis: Analysis) -> None:
        """Only where they are seen, and only when they changed: there can be thousands."""
        pane = self.pane("limits")
        if not pane.display:
            return
        ground = self._ground(analysis, self._settings or ServerSettings())
        found = limit_rows(ground), limit_sum(ground).words
        if found != self._limits:
            self._limits = found
            pane.show(found[0], analysis.snapshot.taken_at, Cell(found[1], "dim"))

    def _count(self, analysis: Analysis) -> None:
        """What pools need, by all that the monitor remembers. That changes slowly, and takes some work, once there is
        much of it."""
        due = self._counted_at is None or clock() - self._counted_at >= _READ_EVERY
        if due or len(analysis.before) < _FEW_SAMPLES:
            self._counted_at = clock()
            self._needs = remembered_needs(analysis, analysis.before)

    def _ground(self, analysis: Analysis, settings: ServerSettings) -> Ground:
        cores = os.cpu_count() if self._memory else None
        return Ground(analysis, self._watching.observed(), settings, self._memory, cores, self._needs)

    def _tell(self) -> None:
        pager = self.query_one("#advice-detail", Pager)
        piece = self.pane("advice").current
        about = f"{piece.key} {piece.applies is None}" if piece is not None else ""
        if about != self._told:
            self._told = about
            self.refresh_bindings()  # H and A are for some of them
        lines = advice_lines(piece, pager.size.width) if piece is not None else []
        told = [*lines, *self._pools_of(piece, pager.size.width), *self._beside(pager.size.width)]
        pager.show(told, piece.key if piece is not None else None)

    def _pools_of(self, piece: Advice | None, width: int) -> list[Line]:
        """The sizes that the role of this piece could choose from; where it is about none, of the largest pools."""
        if self._taken is None:
            return []
        theirs = [need for need in self._needs if piece is not None and need.user == piece.role]
        together = pool_sum(self._ground(self._taken, self._settings or ServerSettings()), self._needs)
        return pool_lines(theirs or self._needs[:_POOLS_SHOWN], together, width)

    def _beside(self, width: int) -> list[Line]:
        if self._taken is None:
            return []
        if self._settings is None:
            return well_set_lines(self._complaint or "the settings are being read", (), (), width)
        ground = self._ground(self._taken, self._settings)
        shown: list[Advice] = list(self.pane("advice").rows)
        gaps = [safe(gap) for gap in self._settings.troubles]
        return well_set_lines(looked(ground), [*well_set(ground, shown)], gaps, width)

    # --- the settings ------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self.monitor.advisory is None:
            self._complaint = "there are no settings to read here"
            return
        due = self._read_at is None or clock() - self._read_at >= _READ_EVERY
        busy = any(worker.state is WorkerState.RUNNING for worker in self.workers if worker.node is self)
        if due and not busy:
            self._read_at = clock()
            self.run_worker(self._read(), group="settings")

    async def _read(self) -> None:
        if self.monitor.advisory is None:
            return
        try:
            self._settings = await self.monitor.advisory.server_settings()
            self._measure(self.monitor.advisory)
            await self.monitor.acting.applying.look()
        except PgHeadroomError as error:
            self._complaint = f"the settings could not be read: {error}"
        if self.monitor.analysis is not None and self.drawable:
            self._draw(self.monitor.analysis)

    def _measure(self, advisory: Advisory) -> None:
        """What backends take, where the server is on this machine."""
        if self._taken is not None:
            seen, own = self._taken.snapshot, self._taken.snapshot.door.pid
            self._memory = advisory.backend_memory((one.pid for one in seen.sessions if one.pid != own), own)

    # --- keys --------------------------------------------------------------------------------------------------------

    def on_table_moved(self) -> None:
        self._tell()
        self.refresh_bindings()  # H is for some of the limits

    def action_next_pane(self, step: int) -> None:
        """From the list to what to do, to the limits, and back."""
        places = [self.pane("advice"), self.query_one("#advice-detail", Pager), self.pane("limits")]
        now = next((number for number, place in enumerate(places) if place.has_focus), 0)
        wanted = places[(now + step) % len(places)]
        self.set_class(wanted is places[2], "-limits")
        wanted.focus()
        self.refresh_bindings()
        self.call_after_refresh(self.monitor.draw)

    def action_copy(self) -> None:
        piece = self._current()
        text = "\n".join(piece.do or piece.change) if piece is not None else ""
        if not text:
            self.monitor.say("there is no statement to copy for this one")
            return
        send_to_clipboard(self.app, text)
        self.monitor.say(f"sent to the clipboard: {text}")

    def action_apply(self) -> None:
        if (piece := self._current()) is not None:
            self.monitor.acting.applying.ask_apply(piece, self._read_soon)

    def action_undo(self) -> None:
        self.monitor.acting.applying.ask_undo(self._current(), self._read_soon)

    def _read_soon(self) -> None:
        """Something was set: read it at once, and go on from what is read."""
        self._read_at = None
        if self.drawable:
            self._ask()

    def offers(self, action: str) -> bool:
        piece = self._current()
        if action == "apply" and (piece is None or isinstance(piece, AppliedPiece) or by_hand(piece)):
            return False  # the key says why
        return super().offers(action)

    def meant(self) -> list[Session]:
        """The sessions of the role under the cursor, or that the piece there is about: H holds it back, and L gives it
        back."""
        analysis, role = self.monitor.analysis, self._role()
        if not role or analysis is None:
            return []
        return [one for one in analysis.snapshot.sessions if one.user == role]

    def _role(self) -> str:
        if self.ready and self.pane("limits").has_focus:
            row: LimitRow | None = self.pane("limits").current
            return row.name if row is not None and row.kind == "role" else ""
        piece = self._current()
        return piece.role if piece is not None else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No session is under the cursor here."""
        if action in _OF_SESSIONS or (action == "hold" and not self.meant()):
            return False
        if action == "apply":
            return self.monitor.acting.applying.can(action) and self._current() is not None
        if action == "undo":
            return self.monitor.acting.applying.can(action)
        if action == "copy" and self.ready and self.pane("limits").has_focus:
            return False
        return super().check_action(action, parameters)

    def _current(self) -> Advice | None:
        """The piece that keys are about: none while the cursor is among the limits."""
        if not self.ready or self.pane("limits").has_focus:
            return None
        current: Advice | None = self.pane("advice").current
        return current

    def leave(self) -> None:
        self.monitor.action_mode("overview")
