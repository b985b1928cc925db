"""A whole group at once: by filter or marked, with a list of exactly who, confirmed by typing how many."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from string import digits
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from pgheadroom.analysis import Analysis
from pgheadroom.model.action import Target, Verb
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session
from pgheadroom.rules.acting.choice import BY_HAND, by_filter, by_hand, names_taken_in
from pgheadroom.rules.acting.frozen import Since, since
from pgheadroom.rules.acting.ready_forms import READY_FORMS
from pgheadroom.rules.filters.language import Filter, FilterError, parse_filter
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.confirm import ENLARGE, LEAST_WIDTH
from pgheadroom.tui.widgets.filter_line import FilterLine
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.bulk_lines import chosen_line, consequence_line, list_remark, names_line, only_line, since_line
from pgheadroom.view.cells import Cell, Line, fit_line, packed, wrap_line
from pgheadroom.view.tables.plan import PLAN_COLUMNS, PlanRow, plan_rows
from pgheadroom.words.counts import plural
from pgheadroom.words.text import safe

_LETTERS = "abcde"
_LEAST_ROWS = 2
"""Of a list that has more: who reads on sees the others."""
_ROOM_FOR_FORMS = 18
"""Lines of a window from which on the ready forms are listed; their keys work in a smaller one too."""


class Bulk(LiveScreen):
    """A question about a list that stands still from when it can be read: who is not in it is not signalled.

    What became of its sessions meanwhile is told beside them, and a key makes the list anew. A list of nobody follows
    the samples: there is nothing to read in it.
    """

    kind = "bulk"

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(letter, f"form({index})", form.title, show=False)
          for index, (letter, form) in enumerate(zip(_LETTERS, READY_FORMS, strict=True))),
        Binding("r", "renew", "renew", tooltip="Make the list anew, from the sessions of now"),
        Binding("v", "verb", "cancel/terminate", tooltip="Cancel queries, or terminate sessions"),
        Binding("o", "poolers", "poolers", tooltip="Include or spare poolers' server connections"),
        # At once, as Enter: in one burst it must not overtake the number before it.
        *(Binding(digit, f"digit('{digit}')", show=False, priority=True) for digit in digits),
        Binding("backspace", "erase", "Erase a digit", show=False),
        Binding("enter", "confirm", "confirm", key_display="Enter", priority=True),
        Binding("q", "back", "back", show=False),
    ]  # fmt: skip

    asks = True
    READING_TIME: ClassVar[float] = 0.5
    """Seconds from the drawing of a list until a digit or Enter counts: nobody confirms a list unseen."""

    def __init__(
        self, verb: Verb, filter_text: str = "", *, poolers: bool = False, marked: Sequence[Session] = ()
    ) -> None:
        """`marked` are sessions that were pointed at; they are the list until a filter is given."""
        super().__init__()
        self._verb = verb
        self._filter = parse_filter(filter_text)
        self._marked = tuple(marked)
        self._complaint = ""
        self._typed = ""
        self._plan: Plan | None = None
        self._targets: list[Target] = []
        self._analysis: Analysis | None = None
        self._since = Since({}, 0, 0.0)
        self._readable_at: float | None = None
        self._renew_after: datetime | None = None
        self._compared: Analysis | None = None
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
        if self.monitor.analysis is not None:
            # What was marked is what was shown, also while the screen is paused.
            self._freeze(self.monitor.analysis)

    # What would happen

    @property
    def targets(self) -> tuple[Session, ...]:
        """Whom the signal would reach, as the list shows it."""
        return self._plan.targets if self._plan is not None else ()

    def show(self, analysis: Analysis) -> None:
        self._look()

    def show_status(self) -> None:
        """Also while the screens are paused: what became of the list is told all the same."""
        if self.ready:
            self._look()

    def _look(self) -> None:
        """Tell what became of the list by the newest sample; make it anew where that was asked for."""
        newest = self.monitor.newest or self.monitor.analysis
        if newest is None:
            return
        renewed = self._renew_after is not None and newest.snapshot.taken_at > self._renew_after
        if renewed:
            self._complaint = ""
        if self._plan is None or renewed or (not self._plan.targets and newest is not self._analysis):
            self._freeze(newest)
        self._compare(newest)
        self._draw()

    def _freeze(self, analysis: Analysis) -> None:
        """The list from now on. Whatever was typed was the number of another one."""
        self._analysis = self._compared = analysis
        self._plan = self._plan_of(analysis)
        marked = by_hand(self._verb, self._plan.targets) if self._marked else []
        self._targets = marked or by_filter(self._plan.targets, self._filter)
        self._since = Since({}, 0, 0.0)
        self._typed, self._readable_at, self._renew_after = "", None, None
        self.call_after_refresh(self._was_drawn, self._plan)

    def _plan_of(self, analysis: Analysis) -> Plan:
        if self._marked:
            present = {session.id: session for session in analysis.snapshot.sessions}
            marked = [present.get(session.id, session) for session in self._marked]
            return self.monitor.acting.plan_by_hand(analysis, self._verb, marked)
        matching = self._filter.select(analysis.snapshot.sessions, analysis.snapshot.taken_at) if self._filter else []
        return self.monitor.acting.plan(analysis, self._verb, matching, include_poolers=self._include_poolers)

    def _was_drawn(self, plan: Plan) -> None:
        if plan is self._plan:
            self._readable_at = time.monotonic() + self.READING_TIME
            if self.READING_TIME:
                self.set_timer(self.READING_TIME, self._draw)
            self._draw()

    @property
    def _is_readable(self) -> bool:
        """Whether the list has stood still for long enough, and is to stay."""
        return self._stood and self._renew_after is None and self._shows_whom

    @property
    def _stood(self) -> bool:
        return self._readable_at is not None and time.monotonic() >= self._readable_at

    @property
    def _shows_whom(self) -> bool:
        """Whether the window has room for some of the list, through which one can go, and for all that is asked."""
        listed, ask = self.pane("preview"), self.query_one("#bulk-ask", Lines)
        rows = min(_LEAST_ROWS, len(self._plan.targets) if self._plan is not None else 0)
        whole = ask.region.height == len(ask.lines) and ask.region.bottom <= self.size.height
        return whole and listed.visible_rows >= rows and listed.size.width >= LEAST_WIDTH

    def _compare(self, newest: Analysis) -> None:
        if self._plan is None or self._analysis is None or newest is self._compared:
            return
        self._compared = newest
        now = self._plan_of(newest).targets
        self._since = since(self._verb, self._analysis.snapshot.taken_at, self._targets, newest.snapshot, now)

    def _change(self) -> None:
        """Something else is asked for."""
        self._complaint = ""
        if (newest := self.monitor.newest or self.monitor.analysis) is not None:
            self._freeze(newest)
        self._draw()

    # Drawing

    def _draw(self) -> None:
        if self._plan is None or self._analysis is None or not self.drawable:
            return
        self.refresh_bindings()
        rows = plan_rows(self._plan, self._since.remarks)
        title = f"{self._verb.value.upper()} {plural(len(self._plan.targets), 'session')}"
        remark = Cell(list_remark(self._plan, self._since), "warn")
        self.pane("preview").show(rows, self._analysis.snapshot.taken_at, remark, title)
        head, ask = self.query_one("#bulk-head", Lines), self.query_one("#bulk-ask", Lines)
        lines = self._head_lines(head.size.width)
        head.styles.height = len(lines)
        head.paint(lines)
        width = ask.size.width
        # Whom it hits, and on what condition, stands at the ends of these lines: they are never cut.
        asked = [piece for cells in self._ask_lines(self._plan, self._analysis) for piece in wrap_line(cells, width)]
        ask.styles.height = len(asked)
        ask.paint([fit_line(cells, width) for cells in asked])

    def _head_lines(self, width: int) -> list[Line]:
        remedies = [
            [Cell(f"{letter} ", "key"), Cell(f"{form.title}  ", "dim")]
            for letter, form in zip(_LETTERS, READY_FORMS, strict=True)
            if self.size.height >= _ROOM_FOR_FORMS
        ]
        lines = [
            *(packed(remedies, width) if remedies else ()),
            tuple(chosen_line(self._verb, self._filter, len(self._marked))),
        ]
        if not self._marked and (names := names_line(names_taken_in(self.targets, self._filter))):
            lines.append(tuple(names))
        return [fit_line(line, width) for line in lines]

    def _ask_lines(self, plan: Plan, analysis: Analysis) -> list[list[Cell]]:
        if self._complaint:
            first = [Cell(safe(self._complaint), "bad")]
        elif not plan.targets:
            first = [Cell("nobody to signal", "dim")]
        elif self._renew_after is not None:
            first = [Cell("waiting for the next sample", "dim")]
        elif not self._stood:
            first = [Cell("read the list first", "dim")]
        elif not self._shows_whom:
            first = [Cell(ENLARGE, "warn")]
        else:
            count = len(plan.targets)
            first = [
                Cell(f"Type {count} and Enter to {self._verb.value} {plural(count, 'session')}: ", "strong"),
                Cell(f"{self._typed}_", "accent strong"),
            ]
        last = since_line(self._since) or only_line(self._verb, self._targets)
        return [first, consequence_line(self._verb, plan, analysis.snapshot.taken_at), last]

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"terminate", "cancel", "bulk"}:
            return False
        if action == "confirm":
            typing = self.drawable and self.query_one(FilterLine).display
            return typing or bool(self._plan is not None and self._plan.targets)
        if action == "digit":
            return isinstance(self.focused, Table)
        return super().check_action(action, parameters)

    def action_form(self, index: int) -> None:
        form = READY_FORMS[index]
        self._verb = form.verb
        if form.needs:
            self.query_one(FilterLine).open(f"{form.needs}:")
            return
        self._choose(parse_filter(form.filter))

    def _choose(self, chosen: Filter) -> None:
        self._filter, self._marked = chosen, ()
        self._change()

    def action_renew(self) -> None:
        """Whoever asks for it wants to see the sessions of now, not those of a sample that is a minute old."""
        if self._analysis is not None:
            self._typed, self._complaint = "", ""
            newest = self.monitor.newest or self._analysis
            self._renew_after = newest.snapshot.taken_at
            self.monitor.source.sample_now()
            self._draw()

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
            self._choose(parse_filter(event.text))
        except FilterError as error:
            # Half a word is no filter: nobody is matched until it is one again.
            self._choose(Filter((), ()))
            self._complaint = str(error)
            self._draw()

    def action_digit(self, digit: str) -> None:
        """What is typed before the list could be read is the answer to something else."""
        if self._is_readable and self._readable_at is not None and self.monitor.pressed_at >= self._readable_at:
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
        if self._plan is None or self._analysis is None or not self._plan.targets or not self._is_readable:
            return
        count = len(self._plan.targets)
        if self._typed != str(count):
            wrong = f"{self._typed} is not the number: " if self._typed else ""
            self._complaint = f"{wrong}type {count}, then Enter; Esc leaves everything as it is"
            self._typed = ""
            self._draw()
            return
        chosen_by = BY_HAND if self._marked else str(self._filter)
        self.monitor.acting.carry_out(self._plan, self._analysis, chosen_by, self._targets)
        self.dismiss()

    def action_back(self) -> None:
        if self._typed:
            self._typed = ""
            self._draw()
        else:
            self.dismiss()
