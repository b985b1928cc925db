"""Advice applied on screen 7 with A, and undone with U; the server's half of it is in tests/cli/test_applying.py."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advice.grounds import ground
from pgheadroom.acting.applying import NotApplied, propose
from pgheadroom.acting.powers import Powers
from pgheadroom.advice.registry import pieces
from pgheadroom.audit import Audit
from pgheadroom.errors import NoConnection
from pgheadroom.model.advice import Advice
from pgheadroom.model.applied import Alteration, ApplySite, Found, Spot
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.service import RDS
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.confirm import Confirm
from sure import sure
from tui.powers import FakeServer
from tui.stage import SMALL, Stage, on_stage, settled
from tui.test_advice import SHORT, TOLD, FakeAdvisory, shown


class FakeAlterations:
    """Keeps a value for each place, and each change that it was asked for."""

    def __init__(self) -> None:
        self.values: dict[str, str | None] = {}
        self.asked: list[Alteration] = []
        self.may = True
        self.lost = False

    async def look_at(self, spots: Sequence[Spot]) -> ApplySite:
        numbered = [replace(one, role_oid=sum(map(ord, one.role or "")) or 0) for one in spots]
        found = (Found(one, True, self.value(one), self.may) for one in numbered)
        return ApplySite("server", False, tuple(found))

    def value(self, spot: Spot) -> str | None:
        return self.values.get(f"{spot.parameter} {spot.role}", None if spot.parameter else "-1")

    async def alter(self, alteration: Alteration) -> ChangeResult:
        self.asked.append(alteration)
        if self.lost:
            raise NoConnection("the connection was lost")
        if self.value(alteration.spot) != alteration.before:
            return ChangeResult(ChangeOutcome.CHANGED, "somebody else has changed it since it was shown")
        self.values[f"{alteration.spot.parameter} {alteration.spot.role}"] = alteration.after
        return ChangeResult(ChangeOutcome.DONE, "read back: as wanted")


def options(folder: Path, alterations: FakeAlterations, *protected: str) -> Options:
    audit = Audit(folder / "pgheadroom" / "actions.jsonl")
    powers = Powers(FakeServer(SHORT), audit, protected_roles=protected, alterations=alterations)
    return Options("prod", advisory=FakeAdvisory(TOLD), powers=powers)


def said(stage: Stage) -> str:
    """The screen as if no line of it had an end."""
    return " ".join(stage.screen.split())


async def yes(stage: Stage) -> None:
    assert isinstance(stage.app.screen, Confirm)
    assert stage.app.screen.focused is not None
    assert stage.app.screen.focused.id == "no"
    await stage.press("y")


async def test_a_piece_is_applied_after_a_question_stands_in_the_list_and_is_undone(tmp_path: Path) -> None:
    server = FakeAlterations()
    async with on_stage(*settled(SHORT), options=options(tmp_path, server), size=SMALL) as stage:
        await shown(stage, "y copies")
        footer = stage.screen.splitlines()[-1]
        assert "A apply" in footer
        assert "U undo" not in footer
        await stage.press("A")
        for told in ("SQL   ALTER ROLE billing CONNECTION LIMIT 37;", "Now   role billing has no limit (pg_roles)",
                     "Undo  U, or ALTER ROLE billing CONNECTION LIMIT -1;", "Counts for new sessions",
                     "it ends nobody: the 70 sessions that are there stay"):  # fmt: skip
            assert told in stage.screen
        await stage.press("n")
        assert server.asked == []
        await stage.press("A")
        server.values[" billing"] = "50"
        await yes(stage)
        assert "changed before: somebody else has changed it since it was shown" in said(stage)
        await stage.press("A")
        assert "Now   role billing has CONNECTION LIMIT 50" in stage.screen
        await yes(stage)
        change = server.asked[-1]
        assert (change.before, change.after) == ("50", "37")
        assert "apply CONNECTION LIMIT 37 for role billing: done: read back: as wanted" in said(stage)
        assert "applied" in stage.line("CONNECTION LIMIT 37 for role billing, since")
        assert "U undo" in stage.screen.splitlines()[-1]
        await stage.press("G")
        await stage.press("A")
        assert "it is applied: U undoes it" in stage.screen
        await stage.press("k", "A")
        assert "not applied: it needs a restart" in said(stage)
        assert "A apply" not in stage.screen.splitlines()[-1]
    server.values[" billing"] = "60"
    async with on_stage(*settled(SHORT), options=options(tmp_path, server), size=SMALL) as stage:  # another terminal
        await shown(stage, "CONNECTION LIMIT 37 for role billing, since")
        assert "changed" in stage.line("CONNECTION LIMIT 37 for role billing, since")
        await stage.press("U")
        assert "SQL   ALTER ROLE billing CONNECTION LIMIT 50;" in stage.screen
        assert "somebody else has set CONNECTION LIMIT 60 since" in said(stage)
        await yes(stage)
        assert server.value(change.spot) == "50"
        assert "CONNECTION LIMIT 37 for role billing, since" not in stage.screen


# --- without a screen ------------------------------------------------------------------------------------------------


def advice(*told: Snapshot, **common: Any) -> dict[str, Advice]:
    return {one.key: one for one in pieces(ground(*told, **common))}


async def test_what_is_not_for_us_to_apply_says_why_and_where_it_is_to_be_done(tmp_path: Path) -> None:
    server = FakeAlterations()
    server.may = False
    powers = sure(options(tmp_path, server, "web").powers)
    managed = replace(SHORT, roles={RDS.admin: Role(RDS.admin, False, None), **SHORT.roles})
    common = {"transaction_timeout": "10000", "statement_timeout": "20000", "reserved_connections": "3"}
    keeps = replace(SHORT, settings=replace(SHORT.settings, reserved=3))
    found, theirs = advice(keeps, **common), advice(managed, **common)
    for piece, why in {
        found["limit:billing"]: "may not change role billing: a superuser may, .* ALTER ROLE billing CONNECTION LIMIT",
        found["idle_in_transaction_session_timeout:web@shop"]: "web is protected by the configuration",
        found["max_connections"]: "it needs a restart",
        found["reserve-unused"]: "its statements give a role rights: run them by hand",
        theirs["moot:@"]: "Set transaction_timeout = 1min in the DB parameter group of Amazon RDS",
    }.items():
        with pytest.raises(NotApplied, match=f"^not applied: .*{why}"):
            await propose(piece, "dba", powers)
    assert server.asked == []
