"""The line above the keys: the last sentence that was said, for as long as it is about anything, and while nothing new
comes, why. Times are seconds of the monitor's clock."""

from pgheadroom.model.update import Trouble
from pgheadroom.words.refusals import trouble_words
from pgheadroom.words.text import safe

SAID_FOR = 120.0
"""Seconds after which what was said of one key press is about nothing any more."""
NEWS_FOR = 30.0
"""Seconds for which is said what happened by itself; what came of an action stays until the next one or Esc."""


class Said:
    """The last sentence that was said: the next one, or Esc, takes its place."""

    def __init__(self) -> None:
        self._words = ""
        self._until = 0.0
        self._is_news = False

    def say(self, words: str, now: float, lasting: float | None) -> None:
        """Say this from now on; None lasts for `SAID_FOR`."""
        self._words, self._is_news = safe(words), lasting is not None
        self._until = now + (SAID_FOR if lasting is None else lasting)

    def line(self, now: float, trouble: Trouble | None, *, has_reason: bool) -> str:
        """What stands above the keys: what was said, and on a screen without another place for it why nothing comes."""
        said = self._words if now <= self._until else ""
        if trouble is None:
            return said
        reason = "" if has_reason else f"✗ {trouble_words(trouble)} "
        return " · ".join(filter(None, (said, f"{reason}{safe(trouble.help)}".rstrip())))

    def forget_news(self) -> None:
        """News are of the connection, which is lost now."""
        if self._is_news:
            self._words = ""

    def hush(self) -> bool:
        """It has been read. Whether there was anything to read."""
        was_said, self._words = bool(self._words), ""
        return was_said
