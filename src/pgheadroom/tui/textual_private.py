"""All that is private to Textual and used here, in one place.

A Textual that lacks a part of it, or hands over something unknown, does by itself what is done here otherwise: the
program starts and works, and only sends more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from textual.app import App, ScreenError
from textual.drivers import linux_driver
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from pgheadroom.tui.arrival import Sieve

Piece = tuple[int, int, int, Strip]
"""Row, first column, the column behind it, and what is to stand there."""

with suppress(ImportError):
    from textual import _compositor as _compositor
with suppress(ImportError):
    from textual import _styles_cache
with suppress(ImportError):
    from textual import screen as _screen


class Written:
    """A picture that is text already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render_segments(self, console: object) -> str:
        """Under this name Textual asks for what it is to write."""
        return self._text


def written(text: str) -> Any:
    """What `App._display` writes as it is."""
    return _written_update()(text)


@cache
def _written_update() -> type:
    """Known to Textual as an update of its compositor."""
    return type("WrittenUpdate", (Written, _compositor.CompositorUpdate), {})


def pieces(update: object) -> list[Piece] | None:
    """What an update of Textual's compositor wants to be shown; None where it is not understood."""
    try:
        _compositor.CompositorUpdate.render_segments  # noqa: B018 - without it nothing can be written in its place
        if type(update) is _compositor.LayoutUpdate:
            return list(_of_layout(update))
        if type(update) is _compositor.ChopsUpdate:
            return list(_of_chops(update))
    except (AttributeError, NameError, TypeError, ValueError, LookupError):
        pass  # another Textual's
    return None


def _of_layout(update: Any) -> Iterator[Piece]:
    for row, strips in enumerate(update.strips, update.region.y):
        column = update.region.x
        for strip in strips:
            end = column + strip.cell_length
            yield row, column, end, strip
            column = end


def _of_chops(update: Any) -> Iterator[Piece]:
    for row, first, last in update.spans:
        for end, (column, strip) in zip(update.chop_ends[row], update.chops[row].items(), strict=True):
            if strip is not None and column < last and end > first:
                yield row, column, end, strip


def wait_for_line(app: App[Any]) -> float:
    """Seconds for which the line is not free for another picture."""
    wait: Callable[[], float] | None = getattr(getattr(app, "_driver", None), "wait_for_line", None)
    return wait() if wait is not None else 0.0


def question(app: App[Any], size: int) -> str:
    """What a picture of so many bytes ends with."""
    ask: Callable[[int], str] | None = getattr(getattr(app, "_driver", None), "question", None)
    return ask(size) if ask is not None else ""


def ask_anew(app: App[Any]) -> None:
    """Forget what is known of the line: it may lead to another terminal now."""
    getattr(getattr(app, "_driver", None), "ask_anew", lambda: None)()


_READER = "XTermParser"
"""What the driver's module calls the class that reads keys out of text."""


class SiftedKeys:
    """Textual's reader of keys, which gets only what a sieve leaves."""

    def __init__(self, reader: Any, sieve: Sieve) -> None:
        self._reader = reader
        self._sieve = sieve

    def feed(self, text: str) -> Iterator[Any]:
        """The keys in it; without any text the input has ended."""
        # On a busy machine the key behind an Escape is read before anybody has looked at the time.
        yield from self._released(text)
        keys = self._sieve.take(text) if text else ""
        if keys or not text:
            yield from self._reader.feed(keys)

    def tick(self) -> Iterator[Any]:
        """The keys for which no more is to be waited."""
        yield from self._released()
        yield from self._reader.tick()

    def _released(self, text: str = "") -> Iterator[Any]:
        released = self._sieve.release(text)
        if not released:
            return
        yield from self._reader.feed(released)
        # It was waited for what follows already.
        if getattr(self._reader, "_timeout_time", None) is not None:
            self._reader._timeout_time = 0.0
            yield from self._reader.tick()


@contextmanager
def keys_sifted(sieve: Sieve, begun: Callable[[], None]) -> Iterator[None]:
    """Textual's thread that reads the keys, and is started meanwhile, gets only what the sieve leaves.

    `begun` is called once it does. A Textual that reads the keys in another way never calls it.
    """
    reader: Callable[..., Any] | None = getattr(linux_driver, _READER, None)
    if reader is None:
        yield
        return

    def sifted(*given: Any) -> SiftedKeys:
        made = SiftedKeys(reader(*given), sieve)
        begun()
        return made

    setattr(linux_driver, _READER, sifted)
    try:
        yield
    finally:
        setattr(linux_driver, _READER, reader)


def gather_updates_for(seconds: float) -> None:
    """What widgets want to be drawn is gathered for up to twice so long; Textual's own are 17 ms."""
    with suppress(NameError):
        if hasattr(_screen, "UPDATE_PERIOD"):
            setattr(_screen, "UPDATE_PERIOD", seconds)  # noqa: B010 - final, says Textual


def is_batching(app: App[Any]) -> bool:
    """Whether nothing is to be displayed until a change of several steps is complete."""
    return bool(getattr(app, "_batch_count", 0))


_TO_BE_DRAWN = ("_layout_required", "_scroll_required", "_repaint_required", "_recompose_required", "_next_callbacks")


def is_changing(screen: Screen[Any], *, in_its_turn: bool = False) -> bool:
    """Whether a screen or its widgets have been told of something that is not in what Textual drew yet.

    `in_its_turn` is for whoever asks while the screen deals with a message.
    """
    return bool(
        getattr(screen, "_dirty_widgets", ())
        or getattr(screen, "_callbacks", ())
        or (_has_marks(screen) if in_its_turn else _has_something_to_draw(screen))
        or (in_its_turn and any(map(_has_something_to_draw, screen.displayed_children)))
    )


def _has_something_to_draw(widget: Widget) -> bool:
    # What is hidden keeps its marks until it is shown.
    return bool(
        not widget.is_mounted
        or not is_at_rest(widget)
        or _has_marks(widget)
        or any(map(_has_something_to_draw, widget.displayed_children))
    )


def _has_marks(widget: Widget) -> bool:
    return any(getattr(widget, mark, False) for mark in _TO_BE_DRAWN)


_LAID_OUT_FIRST = ("_layout_required", "_scroll_required", "_recompose_required", "_refresh_styles_required")


def draw_at_once(screen: Screen[Any]) -> None:
    """Draw what a screen and its widgets were told of. Textual does that after a timer, and often in two steps.

    Where something has to be laid out first, it is left to Textual.
    """
    app = screen.app
    if screen is not app.screen or is_batching(app) or not hasattr(screen, "_compositor_refresh"):
        return
    below = getattr(app, "_background_screens", ())
    if any(map(_is_laid_out_first, (*below, screen))):
        return
    # That one lies below now, of which Textual tells it too, changes nothing in it.
    changed = [_told(one) - {one} for one in below]
    if any(changed):
        screen.refresh()
    if told := _told(screen):
        screen._compositor.update_widgets(told)
        screen._compositor_refresh()


def _is_laid_out_first(screen: Screen[Any]) -> bool:
    return any(getattr(one, mark, False) for one in (screen, *_displayed(screen)) for mark in _LAID_OUT_FIRST)


def _told(screen: Screen[Any]) -> set[Widget]:
    """Which widgets have something to be drawn. They are taken to be drawn from now on."""
    told: set[Widget] = getattr(screen, "_dirty_widgets", set()).copy()
    told.update(one for one in (screen, *_displayed(screen)) if getattr(one, "_repaint_required", False))
    for widget in told:
        widget._repaint_required = False
    getattr(screen, "_dirty_widgets", told).clear()
    return told


def _displayed(widget: Widget) -> Iterator[Widget]:
    for child in widget.displayed_children:
        yield child
        yield from _displayed(child)


def who_deals(app: App[Any], *, with_key: bool = False) -> MessagePump | None:
    """Who of an application, its screens and their widgets has something to do still, as far as it needs no drawing.

    `with_key` is for whoever asks in the application's own turn, in which it deals with a key.
    """
    if _is_written_to(app) or not (with_key or is_at_rest(app)):
        return app
    with suppress(ScreenError):  # it begins, or ends
        return next(filter(None, map(_who_deals, app.screen_stack)), None)
    return None


def _who_deals(screen: Screen[Any]) -> MessagePump | None:
    if getattr(screen, "_callbacks", None):
        return screen
    every = screen.walk_children(Widget, with_self=True)
    return next((it for it in every if not (it.is_mounted and is_at_rest(it))), None)


def is_at_rest(pump: MessagePump) -> bool:
    """Whether it waits for a message. What it has taken out of its queue it may still be dealing with."""
    if _is_written_to(pump) or bool(getattr(pump, "_next_callbacks", None)):
        return bool(getattr(pump, "_closing", False))  # what is taken away leaves its messages lying
    ready = getattr(getattr(pump, "_message_queue", None), "ready_event", None)
    return bool(getattr(ready, "_waiters", True)) or not pump.is_running


def _is_written_to(pump: MessagePump) -> bool:
    """Whether it has a message to deal with: in its queue, or looked at while it deals with the one before."""
    return bool(pump.message_queue_size) or getattr(pump, "_pending_message", None) is not None


def forget_drawn_styles() -> None:
    """Empty a cache whose keys hold what widgets drew: a thousand of them, also of those that are gone."""
    with suppress(AttributeError, NameError):
        _styles_cache.StylesCache.get_inner_outer.cache_clear()


def styled_as_the_application_is(screen: Screen[Any], app: App[Any]) -> None:
    """Of a screen that was just made: it gets its styles when it is mounted. Textual would read all style sheets anew,
    and style the whole screen again, the first two times that it is gone to."""
    if hasattr(screen, "_css_update_count"):
        screen._css_update_count = getattr(app, "_css_update_count", -1)


def without_tooltips_and_toasts(app: App[Any]) -> None:
    """Every screen has two widgets less, which would be mounted, styled and laid out with it, and show nothing here."""
    for name in ("_disable_tooltips", "_disable_notifications"):
        if hasattr(app, name):
            setattr(app, name, True)


def fatal_error_of(app: App[Any]) -> BaseException | None:
    """What ended an application, before Textual prints it; None where Textual does not tell."""
    found: BaseException | None = getattr(app, "_exception", None)
    return found


def end_without_traceback(app: App[Any]) -> None:
    """End an application. Textual would print the traceback with the values of local variables."""
    getattr(app, "_close_messages_no_wait", app.exit)()


def write_to_terminal(app: App[Any], sequence: str) -> None:
    """Send a control sequence that Textual knows nothing of."""
    driver = getattr(app, "_driver", None)
    if driver is not None:
        driver.write(sequence)
        driver.flush()
