"""What has arrived at the terminal, as the terminal tells it: taken is not arrived. Knows nothing of Textual.

Behind sshd a pseudo-terminal takes a megabyte at once that a slow line brings half a minute later. So a picture ends
with a question (DSR 5, ECMA-48 8.3.35), and the next one waits for the answer. All answer this question in the same
words. tmux 3.3a and GNU screen 4.9 do it themselves in the tests, and pace what lies behind them; xterm (ctlseqs), a
VT100 and the Linux console (console_codes(4)) do it by their documentation, PuTTY and Windows Terminal by their source.
Who does not, such as ConEmu, is known by its silence. The place of the cursor (DSR 6) would be answered in what some
terminals send for Shift-F3, and the terminal's attributes (DA) by each in another way.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

QUESTION = "\x1b[5n"
_ANSWER = re.compile(r"\x1b\[[03]n")
"""Ready, or malfunctioning."""
_BEGINNING = re.compile(r"\x1b(?:\[[03]?)?\Z")
"""An answer whose end has not come yet; an Escape alone can be the key as well."""

FIRST = 2.0
"""Seconds after which a terminal that has never answered is taken for one that does not."""
LOST = 10.0
"""Seconds after which an answer is not waited for any longer; what the terminal shows then is not sure."""
IN_FLIGHT = 1_500
"""Bytes not answered yet that may be on their way when the next picture goes: a packet, 0.08 s of a line of 20 kB/s.
Over a line that is long, but not slow, a cursor that moves takes so little, and must not wait for each answer."""
RATE = 20_000
"""Bytes a second for a terminal of which it is not known whether they arrive."""


class _Terminal(Enum):
    UNHEARD = auto()
    """Nobody would take its answer out of the keys: it is not asked."""
    UNKNOWN = auto()
    ANSWERS = auto()
    MUTE = auto()


class Arrival:
    """Says when the next picture may be written. The answers come from a thread that reads the keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._terminal = _Terminal.UNHEARD
        self._unanswered: deque[tuple[float, int]] = deque()
        """When a picture was written, and its bytes."""
        self._free_at = 0.0
        self._doubtful = False
        self._state = threading.Condition()

    def open(self) -> None:
        """Answers are heard from now on; nothing is known of the terminal."""
        self._begin(_Terminal.UNKNOWN)

    def close(self) -> None:
        """No answer is heard, or waited for, any more."""
        self._begin(_Terminal.UNHEARD)

    def anew(self) -> None:
        """It may be another terminal now."""
        with self._state:
            if self._terminal is not _Terminal.UNHEARD:
                self._begin(_Terminal.UNKNOWN)

    def _begin(self, terminal: _Terminal) -> None:
        with self._state:
            self._terminal = terminal
            self._unanswered.clear()
            self._free_at, self._doubtful = 0.0, False
            self._state.notify_all()

    def question(self, size: int) -> str:
        """What a picture of so many bytes, which is written now, ends with."""
        with self._state:
            now = self._clock()
            self._free_at = max(self._free_at, now) + size / RATE
            if self._terminal in (_Terminal.UNHEARD, _Terminal.MUTE):
                return ""
            self._unanswered.append((now, size))
            return QUESTION

    def answered(self) -> bool:
        """The terminal has drawn the oldest picture of those that it has not answered.

        Returns:
            Whether it had answered nothing for long: what it shows is not sure.
        """
        with self._state:
            if self._terminal is _Terminal.UNHEARD:
                return False
            self._give_up_waiting()
            if self._unanswered:
                self._unanswered.popleft()
            self._terminal = _Terminal.ANSWERS
            doubtful, self._doubtful = self._doubtful, False
            self._state.notify_all()
            return doubtful

    def wait(self) -> float:
        """Seconds until the next picture may be written, should no answer come before."""
        with self._state:
            now = self._give_up_waiting()
            if self._terminal is not _Terminal.ANSWERS:
                return max(0.0, self._free_at - now)
            if sum(size for _, size in self._unanswered) <= IN_FLIGHT:
                return 0.0
            return self._unanswered[0][0] + LOST - now

    def settle(self, seconds: float) -> None:
        """Wait until all is answered: an answer that comes later would be typed into the shell."""
        with self._state:
            if self._terminal is _Terminal.UNKNOWN and self._unanswered:
                seconds = min(seconds, self._unanswered[0][0] + FIRST - self._clock())
            self._state.wait_for(lambda: not self._unanswered, max(0.0, seconds))
        self.close()

    def _give_up_waiting(self) -> float:
        """Now; pictures whose answers are late count as arrived."""
        now = self._clock()
        if self._unanswered:
            silent = now - self._unanswered[0][0]
            if self._terminal is _Terminal.UNKNOWN and silent > FIRST:
                self._terminal = _Terminal.MUTE
                self._unanswered.clear()
            elif self._terminal is _Terminal.ANSWERS and silent > LOST:
                self._unanswered.clear()
                self._doubtful = True
        return now


class Sieve:
    """Takes the answers out of what the terminal sends, wherever they stand; the keys get the rest."""

    def __init__(
        self, answered: Callable[[], None], escape_delay: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`escape_delay` is seconds after which an Escape alone is the key."""
        self._answered = answered
        self._escape_delay = escape_delay
        self._clock = clock
        self._held = ""
        self._since = 0.0
        self._given = ""
        """The beginning of an answer that stood still on its way, and so was taken for keys."""

    def take(self, text: str) -> str:
        """What of it is for the keys now. An answer that was cut by the end of what was read is held back."""
        text = self._without_end_of_given(self._held + text)
        keys, answers = _ANSWER.subn("", text)
        for _ in range(answers):
            self._answered()
        beginning = _BEGINNING.search(self._given + keys)
        self._held = beginning[0][len(self._given) :] if beginning else ""
        self._since = self._clock()
        return keys.removesuffix(self._held)

    def _without_end_of_given(self, text: str) -> str:
        answer = _ANSWER.match(self._given + text) if self._given else None
        if answer:
            self._answered()
            text = text[answer.end() - len(self._given) :]
        if answer or not _BEGINNING.fullmatch(self._given + text):
            self._given = ""
        return text

    def release(self, text: str = "") -> str:
        """What was held back, and turned out to be keys: nothing has followed it, or `text` that does not end it."""
        # Nobody types the longer beginnings, and a line may be slow.
        delay = self._escape_delay if len(self._held) == 1 else 10 * self._escape_delay
        late = self._held and self._clock() - self._since >= delay
        if not late or _ANSWER.match(self._given + self._held + text):
            return ""
        self._given += self._held
        held, self._held = self._held, ""
        return held
