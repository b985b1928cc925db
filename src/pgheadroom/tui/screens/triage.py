"""Screen 6: everything that is wrong, the most urgent first, with its evidence and the key that helps."""

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from pgheadroom.analysis import Analysis
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.finding import Finding
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.rules.acting.plan import find
from pgheadroom.rules.pools.commands import forbidden
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.copying import send_to_clipboard
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.gauge import gauge_line
from pgheadroom.view.health_lines import health_lines
from pgheadroom.view.step_lines import step_lines
from pgheadroom.view.tables.findings import FINDING_COLUMNS, finding_lines
from pgheadroom.view.urgency import usage_style


class Triage(LiveScreen):
    """The findings above, the one under the cursor told whole below."""

    kind = "triage"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "remedy", "remedy", key_display="Enter", tooltip="Open the remedy: a preview, or the sessions"
        ),
        Binding("y", "copy", "copy SQL", tooltip="Copy the statement that belongs to the finding"),
    ]

    def body(self) -> Iterator[Any]:
        yield Lines(id="slots")
        yield Table[Finding](
            "FINDINGS",
            FINDING_COLUMNS,
            lambda row: row.key,
            id="findings",
            empty="nothing wrong found",
            falls_back=True,
        )
        with Horizontal(id="triage-lower"):
            yield Pager("WHAT HELPS", id="finding-detail")
            yield Pager("THE WAY HERE", id="flow")

    def show(self, analysis: Analysis) -> None:
        slots = self.query_one("#slots", Lines)
        slots.paint([gauge_line(analysis.capacity, usage_style(analysis), "", slots.size.width, analysis.refused)])
        self.pane("findings").show(analysis.findings, analysis.snapshot.taken_at)
        self._tell()

    def _tell(self) -> None:
        """The finding under the cursor, and the path through the decision flow: beside it, or below in a narrow one."""
        detail, flow = self.query_one("#finding-detail", Pager), self.query_one("#flow", Pager)
        finding, analysis = self._current(), self.monitor.analysis
        subject = finding.key if finding is not None else None
        lines = finding_lines(finding, detail.size.width) if finding is not None else []
        if flow.display:
            flow.show(_flow_lines(analysis, finding, flow.size.width) if analysis is not None else [], subject)
        elif analysis is not None:
            width = detail.size.width
            way_here = [_heading("THE WAY HERE", width), *_flow_lines(analysis, finding, width)]
            lines += way_here if lines else _health_lines(analysis, width)
        detail.show(lines, subject)

    def action_next_pane(self, step: int) -> None:
        """From the findings to what helps, and to the way here, where it is beside it."""
        places = [self.pane("findings"), *(pager for pager in self.query(Pager) if pager.display)]
        now = next((index for index, place in enumerate(places) if place.has_focus), 0)
        places[(now + step) % len(places)].focus()

    def _current(self) -> Finding | None:
        current: Finding | None = self.pane("findings").current
        return current

    def on_table_moved(self) -> None:
        self._tell()

    def on_table_opened(self) -> None:
        self.action_remedy()

    def action_remedy(self) -> None:
        finding = self._current()
        if finding is None:
            return
        if finding.proposal is None:
            self.monitor.say(finding.remedy or "there is nothing to press for this one")
        elif finding.proposal.command is not None:
            self._command(finding, finding.proposal.bouncer, finding.proposal.command)
        elif finding.proposal.prepared is not None:
            self._roll_back(finding, finding.proposal.prepared)
        elif finding.proposal.verb is None or self.monitor.acting.powers is None:
            self.monitor.open_sessions(finding.proposal.filter)
        else:
            self.monitor.open_bulk(finding.proposal.verb, finding.proposal.filter, poolers=finding.proposal.poolers)

    def _command(self, finding: Finding, name: str, command: BouncerCommand) -> None:
        """The question before a command, where it can still be given."""
        analysis, powers = self.monitor.analysis, self.monitor.acting.powers
        bouncers = analysis.snapshot.pgbouncers if analysis is not None else ()
        bouncer = next((one for one in bouncers if one.name == name), None)
        if bouncer is None or powers is None or powers.commands is None:
            self.monitor.say(finding.remedy)
        elif why := forbidden(command, bouncer):
            self.monitor.say(f"not given: {why}")
        else:
            self.monitor.acting.confirm_command(bouncer, command)

    def _roll_back(self, finding: Finding, prepared: PreparedTransaction) -> None:
        powers = self.monitor.acting.powers
        if powers is None or powers.rollbacks is None:
            self.monitor.say(finding.remedy)
        else:
            self.monitor.acting.confirm_rollback(prepared)

    def action_copy(self) -> None:
        finding = self._current()
        if finding is None or not finding.sql:
            self.monitor.say("there is no statement to copy for this one")
            return
        send_to_clipboard(self.app, finding.sql)
        note = f" ({finding.caution})" if finding.caution else ""
        self.monitor.say(f"sent to the clipboard, to run as a superuser: {finding.sql}{note}")

    def chosen(self) -> list[Session]:
        """The one session that the finding is about; of several, B or Enter has the preview."""
        finding, analysis = self._current(), self.monitor.analysis
        if finding is None or analysis is None or len(finding.sessions) != 1:
            return []
        return list(find(analysis.snapshot, finding.sessions))

    def group_filter(self) -> str:
        finding = self._current()
        return finding.proposal.filter if finding is not None and finding.proposal is not None else ""

    def meant(self) -> list[Session]:
        """Those of the finding, also where a remedy is about fewer."""
        finding, analysis = self._current(), self.monitor.analysis
        if finding is None or analysis is None:
            return []
        return list(find(analysis.snapshot, finding.sessions)) or super().meant()

    def leave(self) -> None:
        self.monitor.action_mode("overview")


def _flow_lines(analysis: Analysis, finding: Finding | None, width: int) -> list[Line]:
    """The path through the decision flow to this finding, and the metrics behind it."""
    return [*step_lines(analysis.steps(finding), width), *_health_lines(analysis, width)]


def _health_lines(analysis: Analysis, width: int) -> list[Line]:
    return [_heading("HEALTH", width), *health_lines(analysis.health, width)]


def _heading(title: str, width: int) -> Line:
    return fit_line([Cell("─ ", "rule"), Cell(f"{title} ", "heading")], width, "─", "rule")
