"""The lessons of the demo: what they name is there, and only what was really done counts."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pgheadroom.demo.guides import GUIDES, guide_of
from pgheadroom.demo.stage import SCENARIOS
from pgheadroom.lesson.guide_lines import COLUMN_WIDTH, guide_lines, panel_size, strip_lines
from pgheadroom.lesson.progress import Act, Guide, Look, Progress, advance, words
from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.postgres import asking
from pgheadroom.rules.acting.outcome import Action
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.filters.language import parse_filter
from pgheadroom.rules.findings.registry import FAMILIES
from pgheadroom.tui.app import Monitor
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.bulk import Bulk
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.screens.detail import Detail
from pgheadroom.tui.screens.sessions import Sessions
from pgheadroom.tui.screens.triage import Triage
from pgheadroom.tui.widgets.footer import key_name
from pgheadroom.tui.widgets.table import Table
from samples import NOW, many, roles, session, snapshot
from sure import sure

EVERY = pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)
DBA = "sh /tmp/pgheadroom-ab12cd34/dba"
SQL = "ALTER ROLE billing SET idle_in_transaction_session_timeout = '1min';"


def test_every_scenario_has_a_lesson() -> None:
    assert set(GUIDES) == set(SCENARIOS)


@EVERY
def test_a_lesson_has_four_acts_in_their_order(guide: Guide) -> None:
    acts = [step.act for step in guide.steps]
    assert acts == sorted(acts, key=list(Act).index)
    assert set(acts) == set(Act)


@EVERY
def test_titles_tell_the_steps_apart(guide: Guide) -> None:
    assert len({step.title for step in guide.steps}) == len(guide.steps)


@EVERY
def test_the_trouble_is_one_that_is_found(guide: Guide) -> None:
    assert guide.families <= {row.name for row in FAMILIES}


def keys() -> set[str]:
    """Every key of the screens that a lesson leads to, as it is printed on the keyboard."""
    bindings = [one for owner in (*Monitor.__mro__, LiveScreen, Sessions, Triage, Table, Confirm)
                for one in vars(owner).get("BINDINGS", ())]  # fmt: skip
    single = [replace(one, key=key, key_display=None) for one in bindings for key in one.key.split(",")]
    return {key_name(one) for one in [*bindings, *single]}


def test_how_often_limits_are_read_is_said_as_it_is() -> None:
    steps = guide_of("role-limit").steps
    said = {int(found) for step in steps for found in re.findall(r"read every (\d+) seconds", step.text)}
    assert said == {asking.OFTEN}


@EVERY
def test_keys_and_filters_that_are_named_are_there(guide: Guide) -> None:
    said = {one for step in guide.steps for one in re.findall("`([^`]+)`", step.text)}
    filters = {one for one in said if ":" in one and len(one) > 1}
    assert said - filters - keys() == ({"a"} & said)  # the first line of a menu
    assert all(parse_filter(one) for one in filters)


@EVERY
def test_the_ending_leads_on_to_another_lesson(guide: Guide) -> None:
    assert re.findall(r"SCENARIO=(\S+)", guide.ending)[0] in set(GUIDES) - {guide.scenario}


def told(guide: Guide, place: int) -> Progress:
    """The progress with this step before one, and everything known that a text may name, at its longest."""
    lasting = "Let the application do slow work outside the transaction; set idle_in_transaction_session_timeout"
    trouble = Finding(f"{min(guide.families, default='none')}:x", Severity.CRITICAL, "bad", lasting=lasting, sql=SQL)
    seen = snapshot(many(97))
    progress = advance(guide, Progress(), Look("overview"), seen, capacity(seen), (trouble,), ())
    return replace(progress, passed=frozenset(range(place)), ticked=frozenset(range(place)))


@EVERY
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 24), (120, 40), (200, 60)])
def test_every_text_is_read_whole(guide: Guide, width: int, height: int) -> None:
    for place in range(len(guide.steps) + 1):
        progress = told(guide, place)
        named = replace(guide, dba=DBA)
        columns, lines = panel_size(named, progress, width, height)
        if columns:
            drawn = guide_lines(named, progress, COLUMN_WIDTH - 3, height - 3)
        else:
            drawn = strip_lines(named, progress, width, lines)
        shown = "".join("".join(cell.text for cell in line) for line in drawn)
        whole = words(named, progress).replace("`", "")
        assert re.sub(r"\s", "", whole) in re.sub(r"\s", "", shown)


def test_the_panel_keeps_its_height_through_a_lesson() -> None:
    """Only a statement to run, and the end, may need a line more at 80x24."""
    for name in sorted(set(GUIDES) - {"role-limit", "storm"}):
        heights = {
            panel_size(GUIDES[name], told(GUIDES[name], place), 80, 24) for place in range(len(GUIDES[name].steps))
        }
        assert heights == {(0, 5)}


class Asked(str):
    """A screen's name that remembers what it was compared with."""

    __slots__ = ()
    names: set[str] = set()  # noqa: RUF012 - for this test only

    def __eq__(self, other: object) -> bool:
        self.names.add(str(other))
        return False

    __hash__ = str.__hash__


@EVERY
def test_screens_that_are_waited_for_are_there(guide: Guide) -> None:
    Asked.names.clear()
    lead(guide, (Look(Asked("overview")), many(3), ()))
    screens: tuple[Any, ...] = (Bulk, Detail, Confirm)
    there = {*Monitor.MODES, *(screen.kind for screen in screens)}
    assert Asked.names
    assert Asked.names <= there


# --- what counts as done ----------------------------------------------------------------------------------------------


def trouble(guide: Guide) -> Finding:
    return Finding(f"{min(guide.families)}:x", Severity.CRITICAL, "bad")


def lead(
    guide: Guide,
    *moments: tuple[Look, Sequence[Session], Sequence[Action]],
    found: Sequence[Finding] | None = None,
    **given: Any,
) -> Progress:
    """The progress after (look, all sessions, actions), one a second."""
    progress = Progress()
    found = ((trouble(guide),) if guide.families else ()) if found is None else found
    for second, (look, sessions, actions) in enumerate(moments):
        seen = snapshot(sessions, taken_at=NOW + timedelta(seconds=second), **given)
        progress = advance(guide, progress, look, seen, capacity(seen), found, actions)
    return progress


def titles(guide: Guide, progress: Progress) -> list[str]:
    return [guide.steps[place].title for place in sorted(progress.ticked)]


LEAKED = many(9, application="billing-api")
OTHERS = many(5, first_pid=2000)
ALL = [*LEAKED, *OTHERS]


def acted(verb: Verb, sessions: Sequence[Session], outcome: Outcome = Outcome.SIGNALLED) -> Action:
    seen = snapshot(sessions)
    planned = plan(Case(replace(seen, roles=roles(Role("web", False, None))), Thresholds()), verb, sessions)
    assert planned.targets
    results = tuple(Result(Target(one.pid, sure(one.backend_start)), outcome) for one in planned.targets)
    return Action(planned, seen, results, seen.taken_at)


def test_only_the_leaks_sessions_count_for_looking_at_them() -> None:
    guide = guide_of("idle-leak")
    assert titles(guide, lead(guide, (Look("sessions", tuple(LEAKED)), ALL, ()))) == ["Who holds the slots"]
    assert titles(guide, lead(guide, (Look("detail", (LEAKED[0],)), ALL, ()))) == ["What they do"]
    for look in (
        Look("sessions", tuple(ALL)),
        Look("sessions", tuple(OTHERS)),
        Look("sessions", ()),
        Look("sessions", tuple(LEAKED), typing=True),
        Look("overview", tuple(LEAKED)),
        Look("detail", (OTHERS[0],)),
        Look("bulk", tuple(OTHERS)),
        Look("bulk", ()),
    ):
        assert titles(guide, lead(guide, (look, ALL, ()))) == []


@pytest.mark.parametrize("outcome", [Outcome.GONE_BEFORE, Outcome.CHANGED, Outcome.REFUSED, Outcome.PROTECTED])
def test_a_signal_that_was_not_sent_is_no_action(outcome: Outcome) -> None:
    guide = guide_of("idle-leak")
    assert titles(guide, lead(guide, (Look("triage"), ALL, (acted(Verb.TERMINATE, LEAKED, outcome),)))) == [
        "Something is wrong"
    ]


def test_the_wrong_verb_or_the_wrong_sessions_are_no_action() -> None:
    leak, busy = guide_of("idle-leak"), guide_of("busy")
    active = many(3, state=State.ACTIVE)
    assert titles(leak, lead(leak, (Look("locks"), ALL, (acted(Verb.TERMINATE, OTHERS),)))) == []
    assert titles(busy, lead(busy, (Look("locks"), active, (acted(Verb.TERMINATE, active),)))) == []
    assert titles(busy, lead(busy, (Look("locks"), active, (acted(Verb.CANCEL, active),)))) == ["Do it"]


def test_what_came_of_an_action_is_waited_for() -> None:
    guide = guide_of("idle-leak")
    done = (acted(Verb.TERMINATE, LEAKED),)
    moments = [(Look("triage"), OTHERS, done)] * 9
    assert "Did it help?" not in titles(guide, lead(guide, *moments))
    assert "Did it help?" not in titles(guide, lead(guide, *moments[:3], found=()))
    assert "Did it help?" in titles(guide, lead(guide, *moments, found=()))


def limits(limit: int | None) -> dict[str, Any]:
    return {"roles": roles(Role("reports", False, limit))}


def test_a_limit_counts_once_it_is_another_one() -> None:
    guide = guide_of("role-limit")
    first = lead(guide, (Look("triage"), ALL, ()), **limits(6))
    for limit, counts in ((6, False), (9, True), (None, False)):
        seen = snapshot(ALL, taken_at=NOW + timedelta(seconds=9), **limits(limit))
        later = advance(guide, first, Look("triage"), seen, capacity(seen), (trouble(guide),), ())
        assert ("Change the limit" in titles(guide, later)) is counts


def test_lock_pile_up_the_holder_is_the_one_to_end() -> None:
    guide = guide_of("lock-pileup")
    holder, other = session(9, State.IDLE_IN_TRANSACTION, application="psql"), session(10)
    assert "End the holder" in titles(guide, lead(guide, (Look("locks"), ALL, (acted(Verb.TERMINATE, [holder]),))))
    assert "End the holder" not in titles(guide, lead(guide, (Look("locks"), ALL, (acted(Verb.TERMINATE, [other]),))))


def test_calm_is_rehearsed_without_an_action() -> None:
    guide = guide_of("calm")
    leave = [Look("triage"), Look("sessions", tuple(LEAKED)), Look("trends"), Look("bulk")]
    moments = [(look, ALL, ()) for look in leave]
    assert lead(guide, *moments).place(guide) == 4
    assert lead(guide, *moments, (Look("sessions"), ALL, ())).place(guide) == 5
    assert lead(guide, *moments, (Look("triage"), ALL, ())).place(guide) == 6
    hurt = (acted(Verb.TERMINATE, OTHERS),)
    assert lead(guide, *moments, (Look("triage"), ALL, hurt)).place(guide) == 4
