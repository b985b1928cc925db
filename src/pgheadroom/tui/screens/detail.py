"""One session looked at closely. It stays when the session ends, and says so."""

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.worker import WorkerState

from pgheadroom.analysis import Analysis
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.chain import Chain
from pgheadroom.model.detail import SessionDetail
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.plan import find
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.copying import Copying
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Cell, fit_line
from pgheadroom.view.session_detail import detail_lines
from pgheadroom.words.text import safe

_NOT_HERE = frozenset({"next_pane", "filter"})  # one pane, of text


class Detail(LiveScreen):
    """Asks for the session again with each sample, one question at a time."""

    kind = "detail"
    filters = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", tooltip="Copy the query or a psql command"),
        Binding("o", "client", "its client", tooltip="Go to the client behind PgBouncer"),
        Binding("q", "back", "back", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session_id = session.id
        self._session = session
        self._detail: SessionDetail | None = None
        self._ended = False
        self._last_seen: Snapshot | None = None
        self._complaint = ""

    def body(self) -> Iterator[Any]:
        yield Lines(id="finding")
        yield Pager(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Pager).focus()

    def chosen(self) -> list[Session]:
        return [] if self._ended else [self._session]

    def show(self, analysis: Analysis) -> None:
        if not self._ended:
            self._follow(analysis)
        self._draw(analysis)
        self._ask()

    def _follow(self, analysis: Analysis) -> None:
        present = find(analysis.snapshot, [self._session_id])
        self._ended = not present
        if present:
            self._session, self._last_seen = present[0], analysis.snapshot
            if self._detail and self._detail.session.query_start != self._session.query_start:
                self._detail = None  # it tells of another query

    def _draw(self, analysis: Analysis) -> None:
        pager = self.query_one(Pager)
        width = pager.size.width
        self.query_one("#finding", Lines).paint([fit_line(self._status(), width)])
        # Of a session that has ended, the ages are those that it reached.
        snapshot = self._last_seen if self._ended and self._last_seen is not None else analysis.snapshot
        pager.show(detail_lines(self._session, self._detail, snapshot, analysis.locks, self._chain(analysis), width))

    def _status(self) -> list[Cell]:
        if self._ended:
            return [Cell(" ENDED ", "alert-warn"), Cell("  this session has ended; its last state is shown", "warn")]
        if self._complaint:
            return [Cell(safe(self._complaint), "warn")]
        return [Cell(f"SESSION {self._session_id.pid}", "title")]

    def _ask(self) -> None:
        busy = any(worker.state is WorkerState.RUNNING for worker in self.workers if worker.node is self)
        if not self._ended and not busy and self.monitor.inquiries is not None:
            self.run_worker(self._inquire(), group="detail")

    async def _inquire(self) -> None:
        inquiries = self.monitor.inquiries
        if inquiries is None:
            return
        try:
            detail = await inquiries.detail(self._session_id, self._detail)
        except PgHeadroomError as error:
            self._complaint = f"not all is known: {error}"
            return
        self._complaint = ""
        if detail is not None:
            self._detail = detail
        if self.monitor.analysis is not None and self.drawable:
            self._draw(self.monitor.analysis)

    def _chain(self, analysis: Analysis) -> Chain | None:
        return analysis.chains.of_session(self._session_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _NOT_HERE:
            return False
        if action == "client":
            analysis = self.monitor.analysis
            chain = self._chain(analysis) if analysis is not None else None
            return chain is not None and chain.client is not None
        return super().check_action(action, parameters)

    def action_client(self) -> None:
        """Go to the client of PgBouncer's that uses this session."""
        analysis = self.monitor.analysis
        chain = self._chain(analysis) if analysis is not None else None
        if chain is not None and chain.client is not None:
            self.monitor.open_client(chain.bouncer, chain.client)

    def action_copy(self) -> None:
        analysis = self.monitor.analysis
        query = self._detail.session.query if self._detail else self._session.query
        self.app.push_screen(Copying(self._session, query, analysis.snapshot.door if analysis else None))

    def leave(self) -> None:
        self.dismiss()
