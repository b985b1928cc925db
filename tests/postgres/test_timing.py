"""What each part costs, by looks at the server's clock between them."""

from datetime import UTC, datetime, timedelta

from pgheadroom.postgres.exchange import Answer, Question, Unanswered
from pgheadroom.postgres.timing import costs, is_clock, timed

PARTS = {"sessions", "locks"}


def asked(*parts: str) -> list[Question]:
    return timed([Question(part, b"") for part in parts], PARTS)


def answered(questions: list[Question], refused: str = "") -> list[Answer]:
    """Each takes a second; what stands behind a refusal is not reached."""
    answers: list[Answer] = []
    now = datetime(2026, 11, 28, tzinfo=UTC)
    for question in questions:
        now += timedelta(seconds=1)
        failed = question.part == refused or (answers and isinstance(answers[-1], Unanswered))
        answers.append(Unanswered("no") if failed else [(now,)])
    return answers


def test_a_look_costs_too_so_that_there_are_no_more_than_needed() -> None:
    assert not any(is_clock(one.part) for one in asked("rights"))
    assert [is_clock(one.part) for one in asked("moment", "sessions", "present", "locks")] == [0, 0, 0, 1, 0, 1]
    assert [is_clock(one.part) for one in asked("rights", "locks")] == [0, 1, 0, 1]


def test_what_is_asked_behind_a_part_and_has_no_cost_of_its_own_counts_with_it() -> None:
    questions = asked("moment", "sessions", "present", "locks")
    assert costs(questions, answered(questions)) == {"sessions": 3.0, "locks": 2.0}


def test_what_was_not_answered_has_no_cost_and_gives_no_other_a_wrong_one() -> None:
    questions = asked("moment", "sessions", "present", "locks")
    assert costs(questions, answered(questions, "locks")) == {"sessions": 3.0}
    assert costs(questions, answered(questions, "present")) == {}
