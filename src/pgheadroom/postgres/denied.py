"""What our role may not ask for: asked each second, it would fill the server's log."""

import time
from collections.abc import Iterator, Sequence

from pgheadroom.model.snapshot import Gap
from pgheadroom.postgres.exchange import Question, Unanswered
from pgheadroom.postgres.timing import CLOCK, is_clock

TRIED_AFTER = 30.0
"""Seconds after which what was denied is asked for again: somebody may have granted it."""
BY_NAME, RECOVERY, DETAILS = "settings by name", "recovery", "queries"
_CAN_DO_WITHOUT = {"settings": BY_NAME, "moment": RECOVERY, "sessions": DETAILS}
"""What a part that was refused is asked without from then on."""


class Denied:
    """The parts, and the functions in them, that were refused for lack of privilege, until they are tried again."""

    def __init__(self) -> None:
        self._refused: dict[str, tuple[str, float]] = {}

    def __contains__(self, part: str) -> bool:
        if part in self._refused and self._refused[part][1] <= time.monotonic():
            del self._refused[part]
        return part in self._refused

    def allowed(self, questions: Sequence[Question]) -> list[Question]:
        """The questions whose part is not denied."""
        return [question for question in questions if question.part not in self]

    def note(self, part: str, answer: Unanswered) -> None:
        """Remember a refusal, first of what the part can do without, then of the part."""
        if answer.forbidden:
            function = CLOCK if is_clock(part) else _CAN_DO_WITHOUT.get(part, part)
            self._refused[part if function in self else function] = (answer.reason, time.monotonic() + TRIED_AFTER)

    def forget(self, part: str) -> None:
        """It is asked for once, and never again."""
        self._refused.pop(part, None)

    def reason(self, part: str) -> str:
        """Why, as the server said it; empty where it is not denied."""
        return self._refused[part][0] if part in self else ""

    def gaps(self) -> Iterator[Gap]:
        """Each of them as what is missing in a sample."""
        for part, (reason, _) in self._refused.items():
            yield Gap(part, reason)
