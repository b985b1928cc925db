"""Screen 7: what keeps it from happening again."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from advice.grounds import settings
from pgheadroom.errors import NoConnection
from pgheadroom.model.server_settings import ServerSettings
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role
from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.hold_menu import HoldMenu
from samples import databases, many, roles
from servers import PATIENCE
from tui.outage import outage
from tui.stage import LARGE, SMALL, Stage, matches_golden, on_stage, settled
from tui.test_holding import Outage


class FakeAdvisory:
    """Tells these settings, or fails."""

    def __init__(self, told: ServerSettings | None = None) -> None:
        self.told = told

    async def server_settings(self) -> ServerSettings:
        if self.told is None:
            raise NoConnection("the connection was lost")
        return self.told

    def backend_memory(self, pids: Iterable[int], own: int) -> tuple[int, ...]:
        return (3 << 20,) if own not in pids else ()


TOLD = settings(tcp_keepalives_idle="60", idle_in_transaction_session_timeout="0")
ROLES = roles(
    Role("web", False, 20), Role("billing", False, None), Role("report", False, 10), Role("postgres", True, None)
)
STUCK = many(20, state=State.IDLE_IN_TRANSACTION, since=400)
SHORT = replace(
    outage(),
    sessions=(*STUCK, *many(70, first_pid=5000, user="billing", state=State.IDLE)),
    roles=ROLES,
    databases=databases(Database("shop", None), Database("postgres", None)),
    lock_requests=(),
    pgbouncers=(),
)


async def shown(stage: Stage, words: str) -> None:
    """Go to the screen, and wait until the settings were read and it says this."""
    await stage.press("7")
    async with asyncio.timeout(PATIENCE):
        while words not in stage.screen:
            await stage.press("r")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_advice_looks_like_its_golden(size: tuple[int, int]) -> None:
    async with on_stage(*settled(SHORT), options=Options("prod", advisory=FakeAdvisory(TOLD)), size=size) as stage:
        await shown(stage, "y copies")
        matches_golden(f"advice-{size[0]}x{size[1]}", stage.screen)
        if size == SMALL:
            await stage.press("tab", "tab")
            matches_golden("advice-limits-80x24", stage.screen)
            await stage.press("tab")
            matches_golden("advice-80x24", stage.screen)


async def test_each_piece_is_told_whole_and_its_statements_are_copied() -> None:
    remembered = [replace(SHORT, taken_at=SHORT.taken_at + timedelta(seconds=10 * number)) for number in range(12)]
    async with on_stage(*remembered, options=Options("prod", advisory=FakeAdvisory(TOLD)), size=LARGE) as stage:
        await shown(stage, "Together 21 connections, of 97 usable slots")
        rows = stage.table("#advice").rows
        assert {piece.kind for piece in rows} == {"timeouts", "limits", "pools", "slots"}
        assert "billing/checkout in shop: peak 70 from 1 client, 1 busy at once at most, within 1m50s" in stage.screen
        assert "web/checkout" not in stage.line("pool sizes")
        for piece in rows:
            assert piece.title in stage.screen
            if piece.key == "max_connections":
                assert "Private memory of this server's backends is 3.0 MB in the middle" in stage.screen
            await stage.press("y")
            said = "there is no statement" if not piece.do else f"sent to the clipboard: {piece.do[0][:30]}"
            assert said in stage.screen
            await stage.press("j")
        await stage.press("A", "U")  # nobody has the power here
        assert not isinstance(stage.app.screen, ModalScreen)


async def test_h_holds_back_the_role_that_a_piece_is_about_and_nothing_else_acts_here(tmp_path: Path) -> None:
    armed = Outage(tmp_path).options
    options = replace(armed, advisory=FakeAdvisory(TOLD))
    async with on_stage(*settled(SHORT), options=options, size=LARGE) as stage:
        await shown(stage, "y copies")
        assert "H hold" in stage.screen
        assert "K terminate" not in stage.screen
        await stage.press("H")
        assert isinstance(stage.app.screen, HoldMenu)
        assert "billing" in stage.screen
        await stage.press("escape", "G")
        assert "max_connections" in stage.line("Do not raise")
        assert "H hold" not in stage.screen


async def test_the_limits_of_thousands_of_roles_are_gone_through_and_h_is_for_the_role_under_the_cursor(
    tmp_path: Path,
) -> None:
    crowd = {f"t{number:04}": Role(f"t{number:04}", False, 5) for number in range(5_000)}
    options = replace(Outage(tmp_path).options, advisory=FakeAdvisory(TOLD))
    async with on_stage(*settled(replace(SHORT, roles={**ROLES, **crowd})), options=options) as stage:
        await shown(stage, "y copies")
        await stage.press("tab", "tab")
        assert "5002 roles: 25030 of 97 usable; 1 without" in stage.line("LIMITS")
        assert "H hold" in stage.screen
        assert "y copy" not in stage.screen
        await stage.press("H")
        assert isinstance(stage.app.screen, HoldMenu)
        assert "web" in stage.screen
        await stage.press("escape", "slash", *"t09", "enter")
        assert [row.name for row in stage.table("#limits").rows] == [f"t09{last:02}" for last in range(100)]
        assert "H hold" not in stage.screen


async def test_a_server_that_is_well_set_has_nothing_but_that() -> None:
    calm = replace(SHORT, sessions=tuple(many(5)))
    async with on_stage(*settled(calm), options=Options("prod", advisory=FakeAdvisory(TOLD)), size=LARGE) as stage:
        await shown(stage, "tcp_keepalives_idle is 1min")
        assert "nothing to advise" in stage.screen


async def test_what_cannot_be_read_is_said() -> None:
    for advisory, said in ((FakeAdvisory(), "the connection was lost"), (None, "there are no settings to read here")):
        async with on_stage(*settled(SHORT), options=Options("prod", advisory=advisory), size=LARGE) as stage:
            await shown(stage, said)
