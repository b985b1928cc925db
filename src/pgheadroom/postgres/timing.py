"""What each part of a sample costs the server, by the server's own clock, in the same round trip."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pgheadroom.postgres.exchange import Answer, Question
from pgheadroom.postgres.queries import query

CLOCK = "clock"
"""What the looks at the clock are called where they are forbidden."""
_PREFIX = "clock after "


def timed(questions: Sequence[Question]) -> list[Question]:
    """The questions with a look at the server's clock before the first and after each."""
    asked = [_look("")]
    for question in questions:
        asked += (question, _look(question.part))
    return asked


def is_clock(part: str) -> bool:
    return part.startswith(_PREFIX)


def costs(answers: Mapping[str, Answer]) -> dict[str, float]:
    """Seconds of the server by part: to answer it, and to send the answer as fast as the line took it.

    Args:
        answers: In the order of the questions. What was not answered has no cost.
    """
    found: dict[str, float] = {}
    before, asked = None, ""
    for part, answer in answers.items():
        if not is_clock(part):
            asked = part if isinstance(answer, list) else ""
            continue
        now: datetime | None = answer[0][0] if isinstance(answer, list) else None
        if asked and before is not None and now is not None:
            found[asked] = (now - before).total_seconds()
        before, asked = now, ""
    return found


def _look(part: str) -> Question:
    return Question(_PREFIX + part, query("clock", 0))
