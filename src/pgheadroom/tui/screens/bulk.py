"""A whole group at once: by filter, with a preview of exactly who, confirmed by typing how many."""

from collections.abc import Iterator
from string import digits
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from pgheadroom.model.action import Verb
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session
from pgheadroom.rules.filters import Filter, FilterError, parse_filter
from pgheadroom.rules.targets import REMEDIES
from pgheadroom.tui.picture import Picture
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.filter_line import FilterLine
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.confirmation import consequences, pooler_warning
from pgheadroom.view.tables.plan import PLAN_COLUMNS, PlanRow, plan_rows
from pgheadroom.view.text import safe
from pgheadroom.view.words import plural

_LETTERS = "abcde"


class Bulk(LiveScreen):
    """The preview follows the samples until the first digit is typed; from then on it is what will be signalled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(letter, f"remedy({index})", remedy.title, show=False)
          for index, (letter, remedy) in enumerate(zip(_LETTERS, REMEDIES, strict=True))),
        Binding("v", "verb", "cancel/terminate", tooltip="Cancel queries, or terminate sessions"),
        Binding("o", "poolers", "poolers", tooltip="Include or spare poolers' server connections"),
        # At once, as Enter: in one burst it must not overtake the number before it.
        *(Binding(digit, f"digit('{digit}')", show=False, priority=True) for digit in digits),
        Binding("backspace", "erase", "Erase a digit", show=False),
        Binding("enter", "confirm", "confirm", key_display="Enter", priority=True),
        Binding("q", "back", "back", show=False),
    ]  # fmt: skip

    asks = True

    def __init__(self, verb: Verb, filter_text: str, *, poolers: bool = False) -> None:
        super().__init__()
        self._verb = verb
        self._filter = parse_filter(filter_text)
        self._complaint = ""
        self._typed = ""
        self._plan: Plan | None = None
        self._picture: Picture | None = None
        self._include_poolers = poolers

    def body(self) -> Iterator[Any]:
        yield Lines(id="bulk-head")
        yield Table[PlanRow](
            "PREVIEW",
            PLAN_COLUMNS,
            lambda row: row.session.id,
            id="preview",
            empty="no session",
            plainly_filtered=False,
        )
        yield Lines(id="bulk-ask")

    def on_mount(self) -> None:
        super().on_mount()
        if self.monitor.picture is not None:
            self._plan_for(self.monitor.picture)

    # What would happen

    @property
    def targets(self) -> tuple[Session, ...]:
        """Whom the signal would reach, as the preview shows it."""
        return self._plan.targets if self._plan is not None else ()

    def show(self, picture: Picture) -> None:
        if not self._typed or self._plan is None:
            self._plan_for(picture)
        self._draw()

    def _plan_for(self, picture: Picture) -> None:
        sessions = picture.snapshot.sessions
        matching = self._filter.select(sessions, picture.snapshot.taken_at) if self._filter else []
        self._picture = picture
        self._plan = self.monitor.plan(picture, self._verb, matching, include_poolers=self._include_poolers)

    def _change(self) -> None:
        """Something else is asked for: what was typed was the number of another preview."""
        self._typed, self._complaint = "", ""
        if self.monitor.picture is not None:
            self._plan_for(self.monitor.picture)
        self._draw()

    # Drawing

    def _draw(self) -> None:
        if self._plan is None or self._picture is None:
            return
        self.refresh_bindings()
        rows = plan_rows(self._plan)
        table = self.pane("preview")
        left_out = len(self._plan.left_out)
        frozen = "frozen · " if self._typed else ""
        remark = Cell(f"{frozen}{left_out} left out" if left_out else frozen.rstrip(" ·"), "warn")
        title = f"{self._verb.value.upper()} {plural(len(self._plan.targets), 'session')}"
        table.show(rows, self._picture.snapshot.taken_at, remark, title)
        head, ask = self.query_one("#bulk-head", Lines), self.query_one("#bulk-ask", Lines)
        head.paint(self._head_lines(head.size.width))
        ask.paint([fit_line(cells, ask.size.width) for cells in self._ask_lines(self._plan)])

    def _head_lines(self, width: int) -> list[Line]:
        lines: list[list[Cell]] = []
        remedies = [
            [Cell(f"{letter} ", "key"), Cell(f"{remedy.title}  ", "dim")]
            for letter, remedy in zip(_LETTERS, REMEDIES, strict=True)
        ]
        lines.append([cell for remedy in remedies[:2] for cell in remedy])
        lines.append([cell for remedy in remedies[2:] for cell in remedy])
        verb = "cancel the queries of" if self._verb is Verb.CANCEL else "terminate"
        chosen = (
            Cell(safe(str(self._filter)), "accent")
            if self._filter
            else Cell("nobody yet: choose above, or / a filter", "warn")
        )
        lines.append([Cell("v ", "key"), Cell(f"{verb}  ", "strong"), Cell("/ ", "key"), chosen])
        return [fit_line(line, width) for line in lines]

    def _ask_lines(self, plan: Plan) -> list[list[Cell]]:
        count = len(plan.targets)
        if self._complaint:
            first = [Cell(safe(self._complaint), "bad")]
        elif not count:
            first = [Cell("nobody to signal", "dim")]
        else:
            first = [
                Cell(f"Type {count} and Enter to {self._verb.value} {plural(count, 'session')}: ", "strong"),
                Cell(f"{self._typed}_", "accent strong"),
            ]
        said = consequences(self._verb, plan) if count else []
        warning = [Cell(" · " + pooler_warning(plan), "warn")] if plan.poolers else []
        return [first, [Cell("  ".join(said)), *warning]]

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"terminate", "cancel", "bulk"}:
            return False
        if action == "confirm":
            typing = self.is_mounted and self.query_one(FilterLine).display
            return typing or bool(self._plan is not None and self._plan.targets)
        if action == "digit":
            return isinstance(self.focused, Table)
        return super().check_action(action, parameters)

    def action_remedy(self, index: int) -> None:
        remedy = REMEDIES[index]
        self._verb = remedy.verb
        if remedy.needs:
            self.query_one(FilterLine).open(f"{remedy.needs}:")
            return
        self._filter = parse_filter(remedy.filter_for())
        self._change()

    def action_verb(self) -> None:
        self._verb = Verb.CANCEL if self._verb is Verb.TERMINATE else Verb.TERMINATE
        self._change()

    def action_poolers(self) -> None:
        self._include_poolers = not self._include_poolers
        self._change()

    def action_filter(self) -> None:
        self.query_one(FilterLine).open(str(self._filter))

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        try:
            self._filter = parse_filter(event.text)
        except FilterError as error:
            # Half a word is no filter: nobody is matched until it is one again.
            self._filter = Filter((), ())
            self._change()
            self._complaint = str(error)
            self._draw()
        else:
            self._change()

    def action_digit(self, digit: str) -> None:
        self._typed, self._complaint = (self._typed + digit)[-6:], ""
        self._draw()

    def action_erase(self) -> None:
        self._typed, self._complaint = self._typed[:-1], ""
        self._draw()

    def action_confirm(self) -> None:
        line = self.query_one(FilterLine)
        if line.display:
            line.close()
            return
        if self._plan is None or self._picture is None or not self._plan.targets:
            return
        count = len(self._plan.targets)
        if self._typed != str(count):
            wrong = f"{self._typed} is not the number: " if self._typed else ""
            self._complaint = f"{wrong}type {count}, then Enter; Esc leaves everything as it is"
            self._typed = ""
            self._draw()
            return
        self.monitor.carry_out(self._plan, self._picture, str(self._filter))
        self.dismiss()

    def action_back(self) -> None:
        if self._typed:
            self._typed = ""
            self._draw()
        else:
            self.dismiss()
