"""What an action needs of the program that it happens in."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from textual.screen import ModalScreen

from pgheadroom.analysis import Analysis
from pgheadroom.model.action import Verb
from pgheadroom.model.session import Session

Answer = TypeVar("Answer")


class Ground(Protocol):
    """What an action needs of the program that it happens in."""

    @property
    def analysis(self) -> Analysis | None:
        """What is shown."""

    @property
    def newest(self) -> Analysis | None:
        """Of the newest sample, also while what is shown is paused."""

    def may_ask(self) -> bool:
        """Whether a question may come up by itself: not over another one, nor while one types."""

    def ask(self, question: ModalScreen[Answer], answered: Callable[[Answer | None], None]) -> None:
        """Put a question over the screen."""

    def say(self, words: str, lasting: float | None = None) -> None:
        """Tell the user what became of something; news of `lasting` seconds go by themselves."""

    def draw(self) -> None:
        """Show what has changed without a new sample."""

    def open_marked(self, verb: Verb, chosen: Sequence[Session]) -> None:
        """More sessions than a dialogue shows: a preview of all of them, and their number to be typed."""

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it while the screens go on."""

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it once, then."""
