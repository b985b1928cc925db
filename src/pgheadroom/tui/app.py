"""The live monitor: takes updates from a source and hands what they mean to the screen that is seen."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widget import AwaitMount
from textual.widgets import Input

from pgheadroom.analysis import Analysis, Memory
from pgheadroom.conninfo import without_passwords
from pgheadroom.incoming import Incoming
from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer import BouncerClient
from pgheadroom.model.health import Status
from pgheadroom.model.ports import Source
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble, Update
from pgheadroom.tui.acting import Acting
from pgheadroom.tui.companion import Companion
from pgheadroom.tui.ground import Answer
from pgheadroom.tui.later import FIRST_PICTURE, load_soon, made_later
from pgheadroom.tui.messages import Updated
from pgheadroom.tui.options import Options
from pgheadroom.tui.said import NEWS_FOR, Said
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.overview import Overview
from pgheadroom.tui.shown import Shown
from pgheadroom.tui.surroundings import Surroundings
from pgheadroom.tui.terminal_app import TerminalApp
from pgheadroom.tui.widgets.painted import Painted
from pgheadroom.view.header import Freshness, header

NO_SAMPLE = "there is no sample yet"
INTERVALS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Monitor(TerminalApp):
    """Owns the newest snapshot, what is shown of it, and the worker that brings updates."""

    CSS_PATH = "monitor.tcss"
    TITLE = "pgheadroom"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "overview": Overview,
        "sessions": made_later("sessions", "Sessions"),
        "locks": made_later("locks", "Locks"),
        "pgbouncer": made_later("pgbouncer", "Bouncers"),
        "trends": made_later("trends", "Trends"),
        "triage": made_later("triage", "Triage"),
        "advice": made_later("advice", "AdviceScreen"),
        "waiting": made_later("waiting_room", "WaitingRoom"),
    }
    DEFAULT_MODE = "overview"
    # ruff: noqa: RUF012 - Textual declares its breakpoints as instance variables
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (140, "-wide")]
    VERTICAL_BREAKPOINTS = [
        (0, "-tiny"),
        (12, "-short"),
        (22, "-normal"),
        (36, "-tall"),
    ]
    # The keys that change the screen act at once (priority): what is typed behind them is for the screen that comes.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "mode('overview')", "Overview", show=False, priority=True),
        Binding("2", "mode('sessions')", "Sessions", show=False, priority=True),
        Binding("3", "mode('locks')", "Locks", show=False, priority=True),
        Binding("4", "mode('pgbouncer')", "PgBouncer", show=False, priority=True),
        Binding("5", "mode('trends')", "Trends", show=False, priority=True),
        Binding(
            "6,t",
            "mode('triage')",
            "triage",
            key_display="t",
            tooltip="Triage: what is wrong, and what helps",
            priority=True,
        ),
        Binding("7", "mode('advice')", "Advice", show=False, priority=True),
        Binding("w", "mode('waiting')", "waiting room", tooltip="What each door said, and what helps from outside"),
        Binding("p", "pause", "pause", tooltip="Freeze the screen, or go on"),
        Binding("r", "sample_now", "now", tooltip="Sample now"),
        Binding("plus,equals_sign", "interval(1)", "Longer interval", show=False),
        Binding("minus", "interval(-1)", "Shorter interval", show=False),
        Binding("question_mark,h,f1", "help", "help", key_display="?", tooltip="This help"),
        Binding("f2", "guide", "Guide", key_display="F2", tooltip="Hide or show the guide", show=False),
        Binding("colon,ctrl+p", "command_palette", "Command palette", show=False),
        Binding("ctrl+l", "draw_whole", "Draw the screen anew", show=False),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("q", "quit", "quit"),
    ]

    def __init__(
        self, source: Source, options: Options, companion: Callable[["Monitor"], Companion] | None = None
    ) -> None:
        """`companion` is made for this monitor: somebody who accompanies its user."""
        super().__init__()
        self.source = source
        self.acting = Acting(self, source, options.powers)
        self.companion = companion(self) if companion is not None else None
        self.animation_level = "none"
        # As a start value, not a change: each change of the theme reads all style sheets anew.
        self.set_reactive(Monitor.theme, "ansi-dark")
        self.options = options
        self.trouble: Trouble | None = None
        self.clock: Callable[[], float] = time.monotonic
        self._memory = Memory(options.thresholds)
        self._incoming = Incoming(self._work_out, partial(self.run_worker, group="working out"), self._hand_over)
        self._shown = Shown()
        self._filled: LiveScreen | None = None
        self.inquiries = options.inquiries
        self.advisory = options.advisory
        self._said = Said()
        self.came_from = ""
        Painted.ascii_only = options.ascii_only
        self.set_class(options.ascii_only, "-ascii-only")

    @property
    def thresholds(self) -> Thresholds:
        return self.options.thresholds

    # Life

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Left to their defaults they would leave the alternate screen and the mouse reporting on.
            loop.add_signal_handler(number, self.exit, 128 + number, 128 + number)
        self.set_interval(1.0, self.draw_header)
        if self.options.lacking:
            self.say(self.options.lacking)
        self.run_worker(self._sample(), group="sampler", exclusive=True)
        if self.companion is not None:
            self.companion.begin()

    def on_unmount(self) -> None:
        self.acting.stop_following()

    async def _sample(self) -> None:
        """Bring updates for as long as the program lives; a fault of ours is said, not fatal."""
        while True:
            try:
                await self.source.run(self._incoming.take)
            except Exception as error:
                said = without_passwords(f"{type(error).__name__}: {error}")
                self._incoming.take(Trouble(f"fault in pgheadroom: {said}", datetime.now(UTC)))
            await asyncio.sleep(1.0)

    def _work_out(self, snapshot: Snapshot) -> Generator[None, None, Analysis]:
        return self._with_holds().work(snapshot)

    def _with_holds(self) -> Memory:
        self._memory.holds = self.acting.holding.holds
        self._memory.pooler_holds = self.acting.holding.pooler_holds
        return self._memory

    def _hand_over(self, update: Update) -> None:
        self.post_message(Updated(update))

    async def action_quit(self) -> None:
        self.exit(0)

    # Updates

    def on_updated(self, event: Updated) -> None:
        if isinstance(event.update, Trouble):
            if self.trouble is None:
                self._said.forget_news()
            self.trouble = event.update
            if event.update.waiting is not None and self.analysis is None and self.current_mode != "waiting":
                self.switch_mode("waiting")
            self.draw()
        else:
            self._take(event.update)

    def _tell_news(self, snapshot: Snapshot) -> None:
        """What is said once: a better door at the start, and what changed while there was no connection."""
        if self.current_mode == "waiting":
            self.switch_mode("overview")
        first = self.analysis is None
        if snapshot.returned:
            self.say(snapshot.returned, lasting=NEWS_FOR)
        elif first and not snapshot.exact:
            self.say("; ".join(gap.reason for gap in snapshot.gaps if gap.part == "sessions"))
        elif first and snapshot.door.hint:
            self.say(snapshot.door.hint, lasting=NEWS_FOR)

    def _take(self, snapshot: Snapshot) -> None:
        self.trouble = None
        analysis = self._with_holds().take(snapshot)
        if self.newest is None:
            self.set_timer(FIRST_PICTURE, lambda: self.run_worker(load_soon(), group="loading"))
        self._tell_news(snapshot)
        self._shown.take(analysis, self.clock())
        self.acting.follow(snapshot)
        if self._shown.paused:
            self.draw_header()
        else:
            self.draw()

    @property
    def analysis(self) -> Analysis | None:
        return self._shown.analysis

    @property
    def newest(self) -> Analysis | None:
        return self._shown.newest

    # Drawing

    def draw(self) -> None:
        """Draw the screen that is seen, also when it lies under a dialogue."""
        screen = self.live_screen()
        if screen is None or not screen.ready:
            return
        if self.analysis is not None:
            screen.show(self.analysis)
        screen.show_message(self._words_for(screen))
        screen.show_held(self.acting.holding.lines(screen.size.width))
        self.draw_header()
        self._filled = screen
        if self.companion is not None:
            self.companion.look()

    def has_filled(self, screen: Screen[Any]) -> bool:
        return screen is not self.live_screen() or screen is self._filled

    def draw_header(self) -> None:
        screen = self.live_screen()
        if screen is None or not screen.ready:
            return
        age, paused = self._shown.age(self.clock()), self._shown.paused
        freshness = Freshness(age, self.source.interval, paused, self.trouble)
        snapshot = self.analysis.snapshot if self.analysis else None
        status = self.analysis.status if self.analysis else Status.UNKNOWN
        width, read_only = screen.size.width, self.options.read_only
        screen.show_header(header(snapshot, self.options.title, freshness, width, status=status, read_only=read_only))
        screen.show_status()

    def frame(self, body: Iterator[Any]) -> ComposeResult:
        """What a screen has between its header and its footer: its body, and what a companion has beside it."""
        yield from body if self.companion is None else self.companion.frame(body)

    def live_screen(self) -> LiveScreen | None:
        """The screen that is seen, also when it lies under a dialogue."""
        if not self.is_running:  # it ends: the widgets go one after the other
            return None
        with suppress(Exception):
            return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, LiveScreen)), None)
        return None

    # Going from screen to screen

    def open_sessions(self, filter_text: str) -> None:
        """Screen 2 with this filter; Esc leads back to where it was asked for."""
        before = self.current_mode
        self.action_mode("sessions")
        self.came_from = before if before != "sessions" else ""

        def narrow() -> None:
            from pgheadroom.tui.screens.sessions import Sessions  # here and below: see `later`

            if isinstance(self.screen, Sessions):
                self.screen.set_filter(filter_text)

        self.call_after_refresh(narrow)

    def go_back(self) -> None:
        """From the list of sessions to the screen that narrowed it, else to the overview."""
        before, self.came_from = self.came_from, ""
        self.action_mode(before or "overview")

    def open_detail(self, session: Session) -> None:
        from pgheadroom.tui.screens.detail import Detail

        self.push_screen(Detail(session))

    def open_client(self, bouncer: str, client: BouncerClient) -> None:
        """Screen 4 with the cursor on this client."""
        self.action_mode("pgbouncer")

        def point() -> None:
            from pgheadroom.tui.screens.pgbouncer import Bouncers

            if isinstance(self.screen, Bouncers):
                self.screen.point_to(bouncer, client)

        self.call_after_refresh(point)

    def open_marked(self, verb: Verb, chosen: Sequence[Session]) -> None:
        from pgheadroom.tui.screens.bulk import Bulk

        self.push_screen(Bulk(verb, marked=chosen))

    def open_bulk(self, verb: Verb, filter_text: str, *, poolers: bool = False) -> None:
        from pgheadroom.tui.screens.bulk import Bulk

        if self.analysis is None:
            self.say(NO_SAMPLE)
        elif not isinstance(self.screen, Bulk):
            self.push_screen(Bulk(verb, filter_text, poolers=poolers))

    def ask(self, question: ModalScreen[Answer], answered: Callable[[Answer | None], None]) -> None:
        self.push_screen(question, answered)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, group="action")

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.set_timer(seconds, act)

    # Telling

    def _words_for(self, screen: LiveScreen) -> str:
        return self._said.line(self.clock(), self.trouble, has_reason=screen.tells_trouble)

    def say(self, words: str, lasting: float | None = None) -> None:
        """One line above the keys, until the next one or Esc, and for so long as it is news."""
        self._said.say(words, self.clock(), lasting)
        screen = self.live_screen()
        if screen is not None and screen.ready:
            screen.show_message(self._words_for(screen))

    def overhear(self, line: str) -> None:
        self.say(f"a library says: {line}")

    def hush(self) -> None:
        """Esc: what was said has been read."""
        if self._said.hush():
            self.draw()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "mode" and not self.may_ask():
            return None  # off, but known: the palette offers it
        if action == "mode" and parameters == ("waiting",):
            return self.trouble is not None and self.trouble.waiting is not None
        if action == "guide":
            return self.companion is not None
        return super().check_action(action, parameters)

    def may_ask(self) -> bool:
        """Whether a key can go to another screen, or a question come: not while one types, nor over a question."""
        return isinstance(self.screen, LiveScreen) and not isinstance(self.focused, Input) and not self.screen.asks

    def action_mode(self, mode: str) -> AwaitMount | None:
        """Go to a screen; from one that was drilled into it, back to it. Textual waits until it is there."""
        self.came_from = ""
        if mode != self.current_mode:
            return self.switch_mode(mode)
        while len(self.screen_stack) > 1:
            self.pop_screen()
        return None

    def action_pause(self) -> None:
        """Freeze what is shown; sampling goes on, so that the history has no hole and going on is at once."""
        if self.analysis is None:
            self.say(NO_SAMPLE)
            return
        self._shown.pause_or_go_on(self.clock())
        self.draw()

    def action_guide(self) -> None:
        if self.companion is not None:
            self.companion.toggle()

    def action_draw_whole(self) -> None:
        self.draw_whole()

    def action_sample_now(self) -> None:
        self.source.sample_now()

    def action_interval(self, step: int) -> None:
        nearest = min(range(len(INTERVALS)), key=lambda index: abs(INTERVALS[index] - self.source.interval))
        self.source.set_interval(INTERVALS[max(0, min(len(INTERVALS) - 1, nearest + step))])
        self.draw_header()

    def action_help(self) -> None:
        from pgheadroom.tui.screens.help import call_up_help

        call_up_help(self)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        from pgheadroom.tui.palette_commands import palette_commands

        return palette_commands(self, screen)


if TYPE_CHECKING:  # the screens see it so

    def _as_seen_by_screens(monitor: Monitor) -> Surroundings:
        return monitor
