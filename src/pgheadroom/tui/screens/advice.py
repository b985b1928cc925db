"""Screen 7: what keeps it from happening again, by what was seen since the screen was opened, and by what is set."""

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.worker import WorkerState

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Watching
from pgheadroom.advice.registry import looked, pieces
from pgheadroom.advice.well_set import well_set
from pgheadroom.analysis import Analysis
from pgheadroom.deadline import clock
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.advice import Advice
from pgheadroom.model.server_settings import ServerSettings
from pgheadroom.model.session import Session
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.copying import send_to_clipboard
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Line
from pgheadroom.view.tables.advice import ADVICE_COLUMNS, advice_lines, well_set_lines
from pgheadroom.words.text import safe

_OF_SESSIONS = frozenset({"cancel", "terminate", "bulk"})
_READ_EVERY = 30.0
"""Seconds between two readings of the settings: they change by hand."""


class AdviceScreen(LiveScreen):
    """The pieces above, the one under the cursor told whole below. It watches while it is seen."""

    kind = "advice"

    BINDINGS: ClassVar[list[BindingType]] = [
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

    def body(self) -> Iterator[Any]:
        yield Table[Advice](
            "ADVICE", ADVICE_COLUMNS, lambda row: row.key, id="advice", empty="nothing to advise", falls_back=True
        )
        yield Pager("WHAT TO DO", id="advice-detail")

    def show(self, analysis: Analysis) -> None:
        if self._taken is None or self._taken.snapshot is not analysis.snapshot:
            self._taken = analysis
            self._watching.take(analysis)
        self._ask()
        self._draw(analysis)

    def _draw(self, analysis: Analysis) -> None:
        if self._settings is not None:
            self.pane("advice").show(pieces(self._ground(analysis, self._settings)), analysis.snapshot.taken_at)
        self._tell()

    def _ground(self, analysis: Analysis, settings: ServerSettings) -> Ground:
        return Ground(analysis, self._watching.observed(), settings)

    def _tell(self) -> None:
        pager = self.query_one("#advice-detail", Pager)
        piece = self._current()
        if piece is not None and piece.key != self._told:
            self._told = piece.key
            self.refresh_bindings()  # H is for some of them
        lines = advice_lines(piece, pager.size.width) if piece is not None else []
        pager.show([*lines, *self._beside(pager.size.width)], piece.key if piece is not None else None)

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
        except PgHeadroomError as error:
            self._complaint = f"the settings could not be read: {error}"
        if self.monitor.analysis is not None and self.drawable:
            self._draw(self.monitor.analysis)

    # --- keys --------------------------------------------------------------------------------------------------------

    def on_table_moved(self) -> None:
        self._tell()

    def action_next_pane(self, step: int) -> None:
        """From the list to what to do, and back."""
        places = [self.pane("advice"), self.query_one("#advice-detail", Pager)]
        places[int(places[0].has_focus)].focus()

    def action_copy(self) -> None:
        piece = self._current()
        text = "\n".join(piece.do or piece.change) if piece is not None else ""
        if not text:
            self.monitor.say("there is no statement to copy for this one")
            return
        send_to_clipboard(self.app, text)
        self.monitor.say(f"sent to the clipboard: {text}")

    def meant(self) -> list[Session]:
        """The sessions of the role that the piece under the cursor is about: H holds it back, and L gives it back."""
        piece, analysis = self._current(), self.monitor.analysis
        if piece is None or not piece.role or analysis is None:
            return []
        return [one for one in analysis.snapshot.sessions if one.user == piece.role]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No session is under the cursor here."""
        if action in _OF_SESSIONS or (action == "hold" and not self.meant()):
            return False
        return super().check_action(action, parameters)

    def _current(self) -> Advice | None:
        current: Advice | None = self.pane("advice").current if self.ready else None
        return current

    def leave(self) -> None:
        self.monitor.action_mode("overview")
