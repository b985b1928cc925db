"""Keys that come before what the key before them has set off is done, as on a busy machine or in a lump over a line."""

import asyncio

import pytest
from textual import events
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

from pgheadroom.tui import textual_private
from pgheadroom.tui.screens.help import Help
from pgheadroom.tui.screens.locks import Locks
from pgheadroom.tui.screens.sessions import Sessions
from pgheadroom.tui.widgets.filter_line import FilterLine
from tui.stage import Stage, on_stage


@pytest.fixture(params=[0.0, 0.01], ids=["", "slow-"])
def lag(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds that each widget takes before it deals with a key or a message of ours."""
    seconds = float(request.param)
    dispatch = MessagePump._dispatch_message

    async def late(self: MessagePump, message: Message) -> None:
        if not isinstance(self, App) and (isinstance(message, events.Key) or not isinstance(message, events.Event)):
            await asyncio.sleep(seconds)
        await dispatch(self, message)

    if seconds:
        monkeypatch.setattr(MessagePump, "_dispatch_message", late)
    return seconds


async def in_one_lump(stage: Stage, *keys: str) -> None:
    """Press keys without a pause, and wait until the last one is done."""
    for key in keys:
        stage.app.post_message(events.Key(key, key if len(key) == 1 else None))
    await done(stage)


async def done(stage: Stage) -> None:
    await stage.pilot.pause()
    while stage.app.keeps_keys or textual_private.who_deals(stage.app):
        await stage.pilot.pause(0.001)


@pytest.mark.usefixtures("lag")
async def test_a_screens_key_does_not_overtake_what_is_typed_before_it() -> None:
    async with on_stage() as stage:
        await in_one_lump(stage, "2", "slash", *"web", "enter", "escape", "3")
        assert isinstance(stage.app.screen, Locks)
        await in_one_lump(stage, "2")
        assert stage.table("#sessions").filter == ""
        await in_one_lump(stage, "slash", *"cron", "enter", "1", "2")
        assert stage.table("#sessions").filter == "cron"
        assert not stage.app.screen.query_one(FilterLine).display


@pytest.mark.usefixtures("lag")
async def test_help_takes_the_keys_behind_it_and_gives_the_next_ones_back() -> None:
    async with on_stage() as stage:
        await in_one_lump(stage, "question_mark", "3", "j")
        assert isinstance(stage.app.screen, Help)
        await in_one_lump(stage, "escape", "2", "question_mark", "question_mark", "w", "3", "1", "2", "j")
        assert isinstance(stage.app.screen, Sessions)
        assert stage.table("#sessions")._index == 1


async def test_a_message_that_was_only_looked_at_is_still_to_be_dealt_with() -> None:
    """Textual looks at the next message while it deals with one, and takes it out of the queue for that: Enter would
    overtake the one before it on its way back from the filter."""
    async with on_stage() as stage:
        assert textual_private.who_deals(stage.app, with_key=True) is None
        stage.app._pending_message = Message()
        assert textual_private.who_deals(stage.app, with_key=True) is stage.app
        stage.app._pending_message = None
