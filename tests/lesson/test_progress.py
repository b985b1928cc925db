"""Where a user is in a lesson: a lesson of its own, with conditions that are easily met."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pgheadroom.lesson.progress import Act, Guide, Look, Progress, Step, advance, words
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.rules.facts.capacity import capacity
from samples import NOW, many, snapshot, waiter


def on(screen: str) -> Callable[..., Any]:
    return lambda seen: seen.look.screen == screen


def step(act: Act, screen: str, **given: bool) -> Step:
    return Step(act, f"to {screen}", f"Go to {screen}: {{used}} of {{usable}}.", on(screen), **given)


LESSON = Guide(
    "fullness",
    frozenset({"server-slots"}),
    (
        step(Act.NOTICE, "triage"),
        step(Act.UNDERSTAND, "sessions"),
        step(Act.ACT, "bulk", holds=True),
        Step(Act.ACT, "do it", "Do it.", lambda seen: bool(seen.actions)),
        Step(Act.CHECK, "look again", "Look.", lambda seen: not seen.troubles, in_turn=True),
    ),
    "Well done: {slots}; {waiters} waited, {cure}.",
    dba="sh dba",
)
FULL = Finding("server-slots", Severity.CRITICAL, "Full", lasting="Limit the role", sql="ALTER ROLE web LIMIT 9;")
ACTION: tuple[Any, ...] = (object(),)  # what an action is does not matter here


def lead(
    *moments: tuple[str, tuple[Finding, ...], tuple[Any, ...]], guide: Guide = LESSON, sessions: int = 90
) -> Progress:
    """The progress after (screen, findings, actions), one a second."""
    progress = Progress()
    for second, (screen, found, actions) in enumerate(moments):
        seen = snapshot(many(sessions), taken_at=NOW + timedelta(seconds=second))
        progress = advance(guide, progress, Look(screen), seen, capacity(seen), found, actions)
    return progress


def trail(*screens: str) -> list[tuple[str, tuple[Finding], tuple[()]]]:
    return [(screen, (FULL,), ()) for screen in screens]


def test_it_begins_at_the_beginning_and_waits() -> None:
    assert Progress().place(LESSON) == 0
    assert lead(*trail("overview", "overview", "help")).place(LESSON) == 0


def test_step_by_step() -> None:
    assert lead(*trail("overview", "triage")).place(LESSON) == 1
    assert lead(*trail("overview", "triage", "overview", "sessions")).place(LESSON) == 2


def test_a_step_done_early_is_ticked_and_waits_for_those_before() -> None:
    early = lead(*trail("sessions", "overview"))
    assert (early.place(LESSON), early.ticked) == (0, frozenset({1}))
    assert lead(*trail("sessions", "overview", "triage")).place(LESSON) == 2


def test_a_preview_that_was_left_has_to_be_opened_again() -> None:
    opened = trail("triage", "sessions", "bulk")
    assert lead(*opened).place(LESSON) == 3
    assert lead(*opened, *trail("triage")).place(LESSON) == 2
    assert lead(*opened, *trail("triage", "bulk")).place(LESSON) == 3


def test_a_glance_at_the_preview_takes_nothing_of_the_lesson_away() -> None:
    assert lead(*trail("bulk")).place(LESSON) == 3
    assert lead(*trail("bulk", "overview")).place(LESSON) == 0


def test_a_preview_that_was_acted_in_stays_ticked() -> None:
    done = lead(*trail("triage", "sessions", "bulk"), ("triage", (FULL,), ACTION))
    assert (done.place(LESSON), done.ticked) == (4, frozenset({0, 1, 2, 3}))


def test_whoever_acts_by_himself_is_caught_up_with() -> None:
    ahead = lead(*trail("overview", "locks"), ("locks", (FULL,), ACTION))
    assert ahead.place(LESSON) == 4
    assert ahead.ticked == {3}
    assert ahead.passed == {0, 1, 2, 3}


def test_nothing_is_checked_before_something_was_done() -> None:
    """At the beginning there is no trouble either."""
    assert lead(("overview", (), ()), ("overview", (), ())).ticked == set()
    assert lead(("overview", (FULL,), ()), ("triage", (), ())).place(LESSON) == 1


def test_all_is_done_when_the_trouble_is_gone() -> None:
    acted = [*trail("triage"), ("triage", (FULL,), ACTION)]
    assert lead(*acted).place(LESSON) == 4
    assert lead(*acted, ("triage", (), ACTION)).place(LESSON) == 5


def test_a_lesson_that_is_done_stays_done() -> None:
    end = lead(*trail("triage"), ("triage", (FULL,), ACTION), ("triage", (), ACTION), *trail("overview"))
    assert end.place(LESSON) == 5


def test_other_trouble_than_its_own_does_not_hold_a_lesson_up() -> None:
    other = Finding("role-limit:web", Severity.WARNING, "nears")
    assert lead(*trail("triage"), ("triage", (FULL,), ACTION), ("triage", (other,), ACTION)).place(LESSON) == 5


def test_the_text_says_what_is_known_now() -> None:
    assert words(LESSON, Progress()) == "Waiting for the first sample."
    assert words(LESSON, lead(*trail("overview"))) == "Go to triage: 90 of 97."


@pytest.mark.parametrize(("left", "said"), [(80, "10 slots"), (89, "1 slot"), (90, "no slot had to"), (95, "no slot")])
def test_the_ending_names_what_came_back_and_the_lasting_cure(left: int, said: str) -> None:
    before = snapshot([*many(87), waiter(1, 2), waiter(2, 3), waiter(3, 4)])
    after = snapshot(many(left), taken_at=NOW + timedelta(seconds=9))
    progress = Progress()
    for seen, found, actions in ((before, (FULL,), ACTION), (after, (), ACTION)):
        progress = advance(LESSON, progress, Look("triage"), seen, capacity(seen), found, actions)
    ending = words(LESSON, progress)
    assert ending.startswith(f"Well done: {said}")
    assert ending.endswith('; 3 waited, limit the role: `sh dba "ALTER ROLE web LIMIT 9"`.')


def test_the_statement_of_the_trouble_outlives_the_trouble() -> None:
    """A leak that was told before it was cured has a statement; what is told last need not have one."""
    bare = Finding("server-slots", Severity.WARNING, "fuller", lasting="Pool")
    end = lead(*trail("triage"), ("triage", (bare,), ACTION), ("triage", (), ACTION))
    assert "ALTER ROLE web" in words(LESSON, end)
    assert words(LESSON, lead(("triage", (bare,), ACTION), ("triage", (), ACTION))).endswith("pool.")
