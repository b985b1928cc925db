"""What a walk through the running program found: keys that did nothing, a filter that was not the one shown."""

from dataclasses import replace

from pgheadroom.tui.options import Options
from tui.outage import outage
from tui.stage import on_stage


async def test_ctrl_p_opens_the_palette_as_the_colon_does() -> None:
    for key in ("ctrl+p", "colon"):
        async with on_stage() as stage:
            await stage.press(key)
            assert "Search for commands" in stage.screen


async def test_a_mistaken_filter_takes_in_nobody_and_keeps_its_complaint() -> None:
    async with on_stage() as stage:
        await stage.press("2", "slash", *"user:web colour:red", "enter")
        assert stage.line("SESSIONS").split()[-3:] == ["94", "hidden", "0"]
        assert "colour" in stage.screen.replace(stage.line("SESSIONS"), "")


async def test_a_session_looked_at_closely_offers_no_key_that_does_nothing() -> None:
    async with on_stage() as stage:
        await stage.press("2", "enter")
        footer = stage.screen.splitlines()[-1]
        assert "copy" in footer
        assert "filter" not in footer
        assert "pane" not in footer


async def test_a_long_name_leaves_room_for_primary_or_standby() -> None:
    sample = outage()
    standby = replace(sample, server=replace(sample.server, in_recovery=True))
    for width in (80, 60):
        async with on_stage(
            standby, size=(width, 24), options=Options("pgheadroom@/a/very/long/path/pg:5432/shop")
        ) as it:
            header = it.screen.splitlines()[0]
            assert "standby" in header
            assert header.startswith(" CRIT  pgheadroom")
