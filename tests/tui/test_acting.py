"""The keys that act: what is asked, who is signalled, what is written down, and what is said of it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import events

from pgheadroom.model.action import CHANGES, Outcome, Still, Verb
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Role, SlotKind, Snapshot
from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.widgets.table import Table
from samples import NOW, ago
from sure import sure
from tui.outage import outage, session
from tui.powers import FakeServer, armed
from tui.stage import LARGE, Stage, matches_golden, on_stage


def known_roles(snapshot: Snapshot) -> Snapshot:
    """The outage with every role in the catalogue, so that who is a superuser is known."""
    names = {one.user for one in snapshot.sessions if one.user}
    roles = {name: Role(name, superuser=name == "admin", limit=None) for name in names}
    return replace(snapshot, roles={**roles, **snapshot.roles})


def audited(folder: Path) -> list[dict[str, Any]]:
    path = folder / "pgheadroom" / "actions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def wait_for(stage: Stage, text: str) -> None:
    for _ in range(20):
        if text in stage.screen:
            return
        await stage.settle()
    raise AssertionError(f"{text!r} never came:\n{stage.screen}")


async def test_lock_pile_up_is_dissolved_in_three_keys(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K")
        matches_golden("confirm-terminate", stage.screen)
        await stage.press("y")
        assert server.signalled_pids == [3000]
        after = replace(
            seen,
            taken_at=ago(-1),
            sessions=tuple(one for one in seen.sessions if one.pid != 3000),
        )
        await stage.post(after)
        await wait_for(stage, "terminate: 1 freed, none retaken")
    assert [line["event"] for line in audited(tmp_path)] == ["intended", "result"]


async def test_no_is_where_the_focus_stands_and_enter_signals_nobody(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        for keys in (("enter",), ("escape",), ("n",), ("q",)):
            await stage.press("tab", "shift+tab", "tab", "K", *keys)
            assert "Terminate 1 session?" not in stage.screen
            await stage.press("shift+tab")
    assert server.signals == []
    assert audited(tmp_path) == []


async def test_what_was_shown_is_signalled_when_rows_move_under_the_question(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "j", "j", "K")
        shown = sure(stage.app.screen_stack[-2].query_one("#sessions", Table).current).pid
        assert f"pid {shown}" in stage.screen
        moved = replace(seen, taken_at=ago(-1), sessions=(session(1, age=99999), *seen.sessions[::-1]))
        await stage.post(moved)
        assert f"pid {shown}" in stage.screen
        await stage.press("y")
        assert server.signalled_pids == [shown]


async def test_vanished_row_under_the_cursor_cannot_be_signalled(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "j")
        gone = sure(stage.table("#sessions").current)
        await stage.post(replace(seen, sessions=tuple(one for one in seen.sessions if one.id != gone.id)))
        await stage.press("K")
        assert "no session is chosen" in stage.screen
        await stage.press("y")
    assert server.signals == []


async def test_cancel_carries_the_query_start(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "slash", *"pid:2003", "enter", "C")
        assert "Cancel the query of 1 session?" in stage.screen
        await stage.press("y")
        ((verb, (target,), _),) = server.signals
        wanted = next(one for one in seen.sessions if one.pid == 2003)
        assert verb is Verb.CANCEL
        assert (target.backend_start, target.query_start) == (wanted.backend_start, wanted.query_start)


async def test_cancel_of_an_idle_session_is_refused_before_asking(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "slash", *"pid:1000", "enter", "C")
        assert "it runs no query to cancel" in stage.screen
    assert server.signals == []
    assert [line["event"] for line in audited(tmp_path)] == ["refused"]


async def test_marked_sessions_are_signalled_together(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "slash", *"user:mobile", "enter", "space", "space", "space", "K")
        assert "Terminate 3 sessions?" in stage.screen
        await stage.press("y")
        assert len(server.signalled_pids) == 3


async def test_more_marked_sessions_than_a_question_shows_want_their_number_typed(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "slash", *"user:mobile", "enter", *["space"] * 9, "K")
        assert "9 marked sessions" in stage.screen
        await stage.press("y", "enter")
        assert server.signals == []
        await stage.press("9", "enter")
        assert len(server.signalled_pids) == 9
        assert all(target.still.state is State.IDLE for target in server.signals[0][1])
    assert audited(tmp_path)[0]["chosen_by"] == "selection"


async def test_one_session_that_changed_can_be_ended_all_the_same(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    server.outcome, server.message = Outcome.CHANGED, CHANGES["used"]
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K", "y")
        assert server.signals[0][1][0].still.moved is not None
        await stage.post(replace(seen, taken_at=ago(-1)))
        await wait_for(stage, "Terminate it although it changed?")
        assert "It was left alone: it was used since it was shown" in stage.screen
        server.outcome, server.message = Outcome.SIGNALLED, ""
        await stage.press("y")
        assert server.signals[1][1][0].still == Still()
        assert server.signalled_pids == [3000, 3000]
    assert audited(tmp_path)[2]["chosen_by"] == "selection, although it had changed"


async def test_a_query_that_has_only_just_begun_is_not_worth_a_cancel(tmp_path: Path) -> None:
    young = session(7000, user="web", application="quick", state=State.ACTIVE)._replace(
        query_start=ago(0.2), wait_event_type="", wait_event=""
    )
    seen = known_roles(replace(outage(), sessions=(*outage().sessions, young)))
    async with on_stage(seen, options=armed(FakeServer(seen), tmp_path)) as stage:
        await stage.press("2", "slash", *"pid:7000", "enter", "C")
        assert "the query is under 1s old: likely over, then nothing happens" in stage.screen


async def test_the_names_that_are_protected_go_with_the_signal(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path, "payments")) as stage:
        await stage.press("tab", "K", "y")
    assert set(server.protected) == {"payments"}


async def test_superuser_and_ourselves_are_left_alone(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path), size=LARGE) as stage:
        await stage.press("2", "slash", *"user:admin,pgheadroom", "enter", "B")
        assert "✗ it is a superuser's" in stage.screen
        assert "✗ it is our own session" in stage.screen
        assert "nobody to signal" in stage.screen


async def test_a_superuser_may_name_a_superusers_session_by_hand(tmp_path: Path) -> None:
    seen = known_roles(outage())
    seen = replace(seen, door=replace(seen.door, slot=SlotKind.SUPERUSER))
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("2", "slash", *"user:admin", "enter", "K")
        assert "1 target of a superuser" in stage.screen
        await stage.press("y")
        assert server.signals[0][2] is True


async def test_protected_role_is_never_signalled(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path, "mobile")) as stage:
        await stage.press("2", "slash", *"user:mobile", "enter", "K")
        assert "protected by the configuration" in stage.screen
    assert server.signals == []


async def test_bulk_of_the_hog_under_the_cursor_wants_its_number_typed(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("j", "B")
        matches_golden("bulk-80x24", stage.screen)
        await stage.press("9", "enter")
        assert "9 is not the number" in stage.screen
        assert server.signals == []
        await stage.press("1", "0", "enter")
        assert len(server.signalled_pids) == 10
        assert {one["user"] for one in audited(tmp_path)[0]["targets"]} == {"mobile"}
        assert "user=mobile" in audited(tmp_path)[0]["chosen_by"]


def with_others(seen: Snapshot, seconds: float, *gone: int, came: int = 0) -> Snapshot:
    """A later sample, in which sessions of the hog `mobile` have left and others have come."""
    one = next(each for each in seen.sessions if each.user == "mobile")
    new = tuple(one._replace(pid=9000 + n, backend_start=ago(-seconds)) for n in range(came))
    left = tuple(each for each in seen.sessions if each.pid not in gone)
    return replace(seen, taken_at=ago(-seconds), sessions=(*left, *new))


async def test_the_list_of_a_bulk_stands_still_and_tells_who_left(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("j", "B")
        await stage.post(with_others(seen, 3, 5001, came=4))
        assert "TERMINATE 10 sessions" in stage.screen
        assert "3s old" in stage.line("TERMINATE 10")
        assert "~ gone since" in stage.line("5001")
        assert "since then 1 gone, 4 new: left alone" in stage.screen
        await stage.press("1", "0", "enter")
        assert sorted(server.signalled_pids) == list(range(5000, 5010))


async def test_whoever_changed_since_the_list_was_made_is_told(tmp_path: Path) -> None:
    seen = known_roles(outage())
    busy = tuple(one._replace(state=State.ACTIVE) if one.pid == 1000 else one for one in seen.sessions)
    async with on_stage(seen, options=armed(FakeServer(seen), tmp_path), size=LARGE) as stage:
        await stage.press("2", "slash", *"state:idle pid:1000,1001", "enter", "B")
        await stage.post(replace(seen, taken_at=ago(-1), sessions=busy))
        assert "~ it is in another state now" in stage.line(" 1000 web")
        assert "since then 1 changed" in stage.screen


async def test_a_list_is_renewed_by_its_key_and_by_nothing_else(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("j", "B", "1")
        await stage.press("r")
        assert "waiting for the next sample" in stage.screen
        await stage.press("1", "0", "enter")
        await stage.post(with_others(seen, 1, 5001, came=4))
        assert "Type 13 and Enter to terminate 13 sessions: _" in stage.screen, stage.screen
        assert server.signals == []
        await stage.press("1", "3", "enter")
        assert len(server.signalled_pids) == 13


async def test_what_is_typed_before_the_list_could_be_read_does_not_count(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path), reading_time=3600.0) as stage:
        await stage.press("j", "B", "1", "0", "enter")
        assert "read the list first" in stage.screen
        assert server.signals == []


async def test_a_yes_counts_from_when_it_was_pressed_however_late_its_turn_comes(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path), reading_time=0.05) as stage:
        early, digits = events.Key("y", "y"), [events.Key(digit, digit) for digit in "10"]
        await stage.press("2", "K")
        await asyncio.sleep(0.1)
        stage.app.post_message(early)
        await stage.settle()
        assert isinstance(stage.app.screen, Confirm)
        await stage.press("n", "1", "j", "B")
        await asyncio.sleep(0.1)
        for digit in digits:
            stage.app.post_message(digit)
        await stage.settle()
        assert "sessions: _" in stage.screen
        assert server.signals == []


async def test_a_bulk_shows_each_different_name_that_it_takes_in(tmp_path: Path) -> None:
    seen = outage()
    names = tuple(session(7000 + n, user="web", application=name) for n, name in enumerate(("leak", "Leak", "LEAKY")))
    seen = known_roles(replace(seen, sessions=(*seen.sessions, *names)))
    async with on_stage(seen, options=armed(FakeServer(seen), tmp_path)) as stage:
        await stage.press("2", "slash", *"user=web app:leak*", "enter", "B")
        assert "takes in 3 applications LEAKY, Leak, leak" in stage.screen


async def test_every_remedy_of_the_article_has_a_key(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        await stage.press("B", "a")
        assert "TERMINATE 38 sessions" in stage.screen
        await stage.press("b")
        assert "TERMINATE 1 session" in stage.screen
        await stage.press("c")
        assert "CANCEL 0 sessions" in stage.screen
        await stage.press("d", *"metabase", "enter")
        assert "TERMINATE 10 sessions" in stage.screen
        await stage.press("e", *"10.0.2.9", "enter")
        assert "TERMINATE 8 sessions" in stage.screen


async def test_missing_grant_is_one_sentence(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    server.outcome, server.message = Outcome.REFUSED, "it takes GRANT pg_signal_backend TO pgheadroom"
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K", "y")
        await stage.post(replace(server.snapshot, taken_at=ago(-1)))
        await wait_for(stage, "terminate: 1 refused; it takes GRANT pg_signal_backend")
    assert [line["event"] for line in audited(tmp_path)] == ["intended", "result"]


async def test_lost_connection_during_an_action_is_said(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    server.lost = True
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K", "y")
        await wait_for(stage, "terminate: not connected")


async def test_audit_that_cannot_be_written_forbids_the_action(tmp_path: Path) -> None:
    (tmp_path / "pgheadroom").write_text("a file where the folder should be")
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path), size=LARGE) as stage:
        await stage.press("tab", "K", "y")
        await wait_for(stage, "signalled")
        # The path in it decides where its line is broken.
        assert "nothing was signalled" in " ".join(stage.screen.split())
    assert server.signals == []


async def test_read_only_has_no_keys_that_act() -> None:
    options = Options("prod", read_only=True)
    async with on_stage(options=options) as stage:
        assert "read-only" in stage.screen
        assert "terminate" not in stage.screen
        await stage.press("tab", "K", "C", "B", "y")
        assert "?" not in stage.line("Tab pane").split("help")[0][:-2]
        assert "Terminate" not in stage.screen


async def test_slots_taken_again_are_said_with_the_cure(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path), size=LARGE) as stage:
        await stage.press("j", "B", "1", "0", "enter")
        others = tuple(one for one in seen.sessions if one.user != "mobile")
        mobile = next(one for one in seen.sessions if one.user == "mobile")
        again = tuple(mobile._replace(pid=7000 + n, backend_start=NOW) for n in range(10))
        await stage.post(replace(seen, taken_at=ago(-2), sessions=(*others, *again)))
        await wait_for(stage, "10 freed, 10 retaken by app[/red] in 2s: fix or stop the application, or limit the role")


async def test_every_intended_action_has_a_result_also_when_another_follows_or_the_program_ends(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K", "y")
        await stage.press("K", "y")
        assert [line["event"] for line in audited(tmp_path)] == ["intended", "intended", "result"]
    events = audited(tmp_path)
    assert [line["event"] for line in events] == ["intended", "intended", "result", "result"]
    assert {line["action"] for line in events if line["event"] == "intended"} == {
        line["action"] for line in events if line["event"] == "result"
    }


async def test_a_signal_without_an_answer_is_written_down_as_unknown(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    server.lost = True
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K", "y")
    assert [(line["event"], line.get("outcome")) for line in audited(tmp_path)] == [
        ("intended", None),
        ("result", "unknown"),
    ]


async def test_whoever_leaves_before_the_signal_is_answered_leaves_a_line_of_that(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    server.silent = True
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("tab", "K", "y")
        assert server.signalled_pids == [3000]
        await stage.press("q")
    (_, result) = audited(tmp_path)
    assert (result["event"], result["outcome"], result["message"]) == ("result", "unknown", "interrupted")


async def test_with_rare_samples_one_is_taken_at_the_end_of_the_watch(tmp_path: Path) -> None:
    seen = known_roles(outage())
    server = FakeServer(seen)
    async with on_stage(seen, options=armed(server, tmp_path)) as stage:
        stage.source.set_interval(60.0)
        await stage.press("tab", "K", "y")
        after = tuple(one for one in seen.sessions if one.pid != 3000)
        for second in (50, 54.9):
            await stage.post(replace(seen, taken_at=ago(-second), sessions=after))
            assert "terminate: 1 freed, none retaken yet" in stage.screen
        asked = stage.source.asked_now
        for _ in range(100):
            if stage.source.asked_now > asked:
                break
            await stage.pilot.pause(0.05)
        assert stage.source.asked_now > asked
        await stage.post(replace(seen, taken_at=ago(-55.1), sessions=after))
        assert stage.line("terminate: 1 freed").rstrip().endswith("none retaken in 55s")


async def test_the_number_and_enter_may_come_in_one_burst(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(server.snapshot, options=armed(server, tmp_path)) as stage:
        await stage.press("j", "B")
        for key in ("1", "0", "enter"):
            stage.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await stage.settle()
        assert type(stage.app.screen).__name__ == "Overview"
        assert len(server.signalled_pids) == 10


async def test_a_question_that_cannot_show_whom_it_is_about_takes_no_yes(tmp_path: Path) -> None:
    seen = known_roles(outage())
    for size, signalled in (((40, 6), []), ((40, 10), [3000])):
        server = FakeServer(seen)
        async with on_stage(seen, size=size, options=armed(server, tmp_path)) as stage:
            await stage.press("tab", "K")
            assert ("enlarge the window" in stage.screen) is (not signalled)
            assert ("pid 3000" in stage.screen) is bool(signalled)
            await stage.press("y")
            assert server.signalled_pids == signalled


async def test_a_list_that_cannot_be_seen_takes_no_number(tmp_path: Path) -> None:
    seen = known_roles(outage())
    for size, taken in (((80, 9), 0), ((20, 24), 0), ((60, 15), 10)):
        server = FakeServer(seen)
        async with on_stage(seen, size=size, options=armed(server, tmp_path)) as stage:
            stage.app.open_bulk(Verb.TERMINATE, "user:mobile")
            await stage.settle()
            await stage.press("1", "0", "enter")
            assert len(server.signalled_pids) == taken
            assert ("enlarge the" in stage.screen) is not bool(taken)


async def test_under_a_question_the_footer_has_its_keys(tmp_path: Path) -> None:
    seen = known_roles(outage())
    async with on_stage(seen, options=armed(FakeServer(seen), tmp_path)) as stage:
        await stage.press("tab", "K")
        assert stage.screen.splitlines()[-1].split() == ["y", "Yes", "n", "No"]
        await stage.press("n")
        assert "K terminate" in stage.screen.splitlines()[-1]
