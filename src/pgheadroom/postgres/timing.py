"""What each part of a sample costs the server, by the server's own clock, in the same round trip."""

from collections.abc import Sequence, Set
from datetime import datetime

from pgheadroom.postgres.exchange import Answer, Question
from pgheadroom.postgres.queries import query

CLOCK = "clock"
"""What the looks at the clock are called where they are forbidden."""
MOMENT = "moment"
"""A question that tells the time by the way, when its transaction began: behind it nobody has to look."""
_PREFIX = "clock "


def timed(questions: Sequence[Question], parts: Set[str]) -> list[Question]:
    """The questions with a look at the server's clock before each of those parts, and at the end.

    What is asked behind a part and is none of them counts with it.
    """
    asked: list[Question] = []
    for question in questions:
        looks = question.part in parts and not (asked and asked[-1].part == MOMENT)
        asked += (_look(f"before {question.part}"), question) if looks else (question,)
    return [*asked, _look(f"after {asked[-1].part}")] if parts & {one.part for one in questions} else asked


def is_clock(part: str) -> bool:
    return part.startswith(_PREFIX)


def costs(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, float]:
    """Seconds of the server by part: to answer it, and to send the answer as fast as the line took it.

    Args:
        questions: As `timed` made them. What was not answered has no cost.
    """
    found: dict[str, float] = {}
    began, timing = None, ""
    for question, answer in zip(questions, answers, strict=True):
        if is_clock(question.part) or question.part == MOMENT:
            now: datetime | None = answer[0][0] if isinstance(answer, list) else None
            if timing and began is not None and now is not None:
                found[timing] = (now - began).total_seconds()
            began, timing = now, ""
        elif began is not None and isinstance(answer, list):
            timing = timing or question.part
    return found


def _look(when: str) -> Question:
    return Question(_PREFIX + when, query("clock", 0))
