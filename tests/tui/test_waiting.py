"""The waiting room: what is seen while no door has room, and what happens when one opens."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pgheadroom.model.refusal import Refusal, RefusedBy
from pgheadroom.model.update import Trouble, Waiting
from samples import NOW
from tui.outage import FakeSource, outage
from tui.stage import LARGE, Stage, on_stage
from tui.test_holding import Outage


def waiting(tries: int = 7) -> Trouble:
    since = datetime.now(UTC) - timedelta(seconds=12)
    refusal = Refusal(
        "pgheadroom@db1:5432/shop", RefusedBy.SERVER, "", "53300", "FATAL:  sorry, too many clients already", since
    )
    advice = ("GRANT pg_use_reserved_connections TO pgheadroom; -- to have ready the next time",)
    room = Waiting(since, tries, (refusal,), 0.2, advice, outage().pgbouncers)
    return Trouble("no room", since, tries, room)


async def first(stage: Stage) -> None:
    await stage.settle()


async def test_news_go_by_themselves() -> None:
    returned = replace(outage(), returned="back after 28s; the server was restarted")
    async with on_stage(returned) as stage:
        assert "back after 28s" in stage.screen
        stage.app.clock = lambda: 31.0
        await stage.post(replace(outage(), taken_at=NOW + timedelta(seconds=31)))
        assert "back after 28s" not in stage.screen


async def test_monitor_opens_without_a_connection_and_says_why() -> None:
    async with on_stage(waiting(), size=LARGE) as stage:
        await first(stage)
        assert "NO ROOM" in stage.screen
        assert "no slot is left, not even for a superuser" in stage.screen
        assert "7 tries" in stage.screen
        assert "GRANT pg_use_reserved_connections TO pgheadroom;" in stage.screen
        assert "17" in stage.line("web ")  # PgBouncer's pools are live meanwhile


async def test_first_slot_opens_the_overview_and_says_a_better_door() -> None:
    async with on_stage(waiting()) as stage:
        await first(stage)
        seen = outage()
        await stage.post(replace(seen, door=replace(seen.door, hint="a superuser's slot would be safer")))
        assert "94/97" in stage.screen
        assert "a superuser's slot would be safer" in stage.screen


async def test_lost_while_running_keeps_the_data_and_the_room_is_a_key_away() -> None:
    async with on_stage() as stage:
        await stage.post(waiting())
        assert "94/97" in stage.screen
        assert "STALE" in stage.screen
        await stage.press("w")
        assert "NO ROOM" in stage.screen
        await stage.press("escape")
        assert "HOGS" in stage.screen
        await stage.post(replace(outage(), returned="back after 12 s: the server was restarted"))
        assert "back after 12 s: the server was restarted" in stage.screen
        await stage.press("w")
        assert "NO ROOM" not in stage.screen
        await stage.post(waiting())
        assert "back after" not in stage.screen  # it is of the loss before
        await stage.press("4")
        stage.app.say("what a key has done")
        assert "what a key has done · ✗ no room: " in stage.screen


async def test_nothing_acts_without_a_connection(tmp_path: Path) -> None:
    async with on_stage(waiting(), size=LARGE, options=Outage(tmp_path).options) as stage:
        await first(stage)
        acting = ("terminate", "cancel", "bulk", "hold", "let_go")
        assert not any(stage.app.screen.check_action(action, ()) for action in acting)
        await stage.press("K", "C", "B", "H", "L")
        assert "Terminate" not in stage.screen
        assert "NO ROOM" in stage.screen
        assert isinstance(stage.source, FakeSource)


async def test_keys_of_panes_are_shown_where_there_are_panes() -> None:
    async with on_stage(waiting(), size=LARGE) as stage:
        await first(stage)
        assert "/ filter" in stage.screen
        assert "Tab pane" not in stage.screen  # there is one
        assert not re.search(r"/1s|every 1s", stage.screen)  # of samples, and none came yet
    alone = waiting()
    assert alone.waiting is not None
    async with on_stage(replace(alone, waiting=replace(alone.waiting, pgbouncers=())), size=LARGE) as stage:
        await first(stage)
        assert "NO ROOM" in stage.screen
        assert "/ filter" not in stage.screen
        await stage.press("slash", "tab")
        assert "text that a row" not in stage.screen


async def test_footer_offers_nothing_that_needs_a_sample_before_there_is_one() -> None:
    async with on_stage(waiting()) as stage:
        await first(stage)
        assert stage.screen.splitlines()[-1] == "/ filter  s sort  r now  ? help  q quit"
        await stage.press("p")
        assert "there is no sample yet" in stage.screen
        await stage.post(outage())
        assert "PAUSED" not in stage.screen
        assert "94/97" in stage.screen


async def test_footer_leads_from_the_waiting_room_to_the_samples_of_before_and_not_to_itself() -> None:
    async with on_stage() as stage:
        await stage.post(waiting())
        await stage.press("w")
        footer = stage.screen.splitlines()[-1]
        assert "t triage" in footer
        assert "p pause" in footer
        assert "waiting room" not in footer
