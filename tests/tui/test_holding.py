"""H and L on the screens: what is asked, what is done after a yes, and what stands there while a role is held."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from pgheadroom.acting.powers import Powers
from pgheadroom.audit import Audit
from pgheadroom.errors import NoConnection
from pgheadroom.model.action import Outcome
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.hold import Change, ChangeOutcome, ChangeResult, Grip, HeldKind, Holdable, HoldSite
from pgheadroom.rules.acting.hold_options import HoldOption
from pgheadroom.rules.pools.hold_options import PoolerOption
from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.screens.confirm_number import ConfirmNumber
from pgheadroom.tui.screens.hold_menu import HoldMenu
from sure import sure
from tui.outage import outage
from tui.pooled import FakeConsole, pooled
from tui.powers import FakeServer
from tui.stage import SMALL, Stage, on_stage


class FakeHoldings:
    """A server's limits; keeps what it was asked to change."""

    def __init__(self, *superusers: str) -> None:
        self.grips: dict[int, Grip] = {}
        self.names = dict[int, tuple[HeldKind, str]]()
        self.superusers = superusers
        self.changes: list[Change] = []
        self.refuse = ""
        self.may_alter = True
        self.lost = False

    async def look(
        self, names: Collection[tuple[HeldKind, str]] = (), numbers: Collection[tuple[HeldKind, int]] = ()
    ) -> HoldSite:
        if self.lost:
            raise NoConnection("not connected")
        for kind, name in names:
            if name and (kind, name) not in self.names.values():
                self.names[len(self.names) + 1] = kind, name
        asked = {oid for oid, told in self.names.items() if told in names} | {oid for _, oid in numbers}
        return HoldSite("1", in_recovery=False, found=tuple(self._of(oid) for oid in asked if oid in self.names))

    def _of(self, oid: int) -> Holdable:
        kind, name = self.names[oid]
        grip = self.grips.get(oid, Grip(-1, True))
        return Holdable(kind, oid, name, grip.limit or 0, bool(grip.login), name in self.superusers, self.may_alter)

    async def change(self, change: Change) -> ChangeResult:
        self.changes.append(change)
        if self.refuse:
            return ChangeResult(ChangeOutcome.REFUSED, self.refuse)
        now = self.grips.get(change.oid, Grip(-1, True))
        if not change.before.matches(now):
            return ChangeResult(ChangeOutcome.CHANGED, "somebody else has changed it since it was shown")
        self.grips[change.oid] = change.after.over(now)
        return ChangeResult(ChangeOutcome.DONE)


class Outage:
    """A monitor's options, and the server behind them."""

    def __init__(self, folder: Path, *protected: str) -> None:
        self.server, self.holdings = FakeServer(outage()), FakeHoldings()
        self.server.outcome = Outcome.SIGNALLED
        audit = Audit(folder / "pgheadroom" / "actions.jsonl")
        powers = Powers(self.server, audit, None, protected, self.holdings)
        self.options = Options("prod db1:5432", inquiries=self.server, powers=powers)


async def hold_first(stage: Stage) -> None:
    """H, the first of what is offered, and the number that is asked for."""
    await stage.press("H", "a")
    assert isinstance(stage.app.screen, ConfirmNumber)
    await stage.press(*str(stage.app.screen._count), "enter")


async def test_a_hog_is_held_and_ended_in_one_step_and_let_go(tmp_path: Path) -> None:
    it = Outage(tmp_path)
    async with on_stage(options=it.options) as stage:
        assert "H hold" in stage.screen.splitlines()[-1]
        await stage.press("H")
        assert isinstance(stage.app.screen, HoldMenu)
        await stage.press("3", "4", "5", "backspace", "plus")
        assert "limit 35" in stage.screen
        await stage.press("1", "plus", "plus", "minus", "a")
        assert "CONNECTION LIMIT 2;" in stage.screen
        assert "Type " in stage.screen
        await stage.press("9", "9", "9", "enter", "y")
        assert "999 is not the number" in stage.screen
        assert it.holdings.changes == []
        await stage.press("escape")
        await hold_first(stage)
        (change,) = it.holdings.changes
        assert change.before == Grip(-1)
        assert len(it.server.signals) == 1
        role = change.name
        assert f"{role}: limit {change.after.limit} since" in stage.line(" HELD ")
        for screen in "26":
            await stage.press(screen)
            assert stage.line(" HELD ")
        await stage.press("1", "L")
        assert f"ALTER ROLE {role} CONNECTION LIMIT -1;" in stage.screen
        await stage.press("y")
        assert it.holdings.changes[1] == change.undone
        assert " HELD " not in stage.screen
        assert len(it.server.signals) == 1
    async with on_stage(options=it.options) as stage:
        assert " HELD " not in stage.screen


async def test_after_a_restart_it_is_told_and_somebody_elses_value_is_left_alone(tmp_path: Path) -> None:
    it = Outage(tmp_path)
    async with on_stage(options=it.options) as stage:
        await hold_first(stage)
    async with on_stage(options=it.options, size=SMALL) as stage:
        assert "lets go" in stage.line(" HELD ")
        oid = it.holdings.changes[0].oid
        it.holdings.grips[oid] = Grip(77, True)
        await stage.press("L", "y")
        assert it.holdings.grips[oid] == Grip(77, True)
        assert "somebody else has set limit 77" in stage.line(" HELD ")


async def test_it_is_let_go_in_steps_while_the_server_is_below_its_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it, calm = Outage(tmp_path), replace(outage(), sessions=outage().sessions[:20])
    monkeypatch.setattr("pgheadroom.tui.holding.STEP_EVERY", 0.0)

    def limits() -> list[int | None]:
        return [change.after.limit for change in it.holdings.changes[1:]]

    async with on_stage(options=it.options) as stage:
        await hold_first(stage)
        await stage.press("L")
        assert "s  in steps" in stage.screen
        await stage.press("s")
        assert "let go in steps" in stage.screen
        await stage.post(outage())
        assert "end at limit" in stage.screen
        assert limits() == []
        await stage.post(calm)
        assert limits() == []  # nothing by itself
        await stage.press("L", "s")
        await stage.post(calm)
        assert len(limits()) == 1
        assert f"in steps: hold role web (limit {limits()[0]}): done" in stage.screen
        assert "let go in steps" in stage.line(" HELD ")
        await stage.press("L")
        assert "stop the steps" in stage.screen
        await stage.press("s")
        await stage.post(calm)
        assert len(limits()) == 1
        await stage.press("L", "s")
        for _ in range(9):
            await stage.post(calm)
        told = limits()
        assert told[-1] == -1
        assert len(told) > 2
        assert told[:-1] == sorted(told[:-1], key=lambda limit: limit or 0)
        assert " HELD " not in stage.screen


async def test_a_database_of_a_pgbouncer_is_held_and_let_go_with_the_same_keys(tmp_path: Path) -> None:
    seen, console = pooled(), FakeConsole()
    (bouncer,) = seen.pgbouncers
    stopped = replace(bouncer, databases=tuple(replace(one, paused=True) for one in bouncer.databases))
    it = Outage(tmp_path)
    root = next(one for one in seen.sessions if one.pid == 3000)
    options = replace(it.options, powers=replace(sure(it.options.powers), commands=console))
    async with on_stage(replace(seen, sessions=(root,)), options=options) as stage:
        await stage.press("2", "H")
        menu = stage.app.screen
        assert isinstance(menu, HoldMenu)
        places = [place for place, one in enumerate(menu._options) if isinstance(one, PoolerOption)]
        assert places == list(range(len(menu._options) - 2, len(menu._options)))
        verbs = [one.command.verb for one in menu._options if isinstance(one, PoolerOption)]
        await stage.press("abcdefgh"[places[verbs.index(BouncerVerb.PAUSE)]])
        assert "PAUSE shop?" in stage.screen
        await stage.press("y")
        assert console.given == [(bouncer.name, BouncerCommand(BouncerVerb.PAUSE, "shop"))]
        for _ in range(2):
            await stage.post(replace(seen, sessions=(root,), pgbouncers=(stopped,)))
        assert "PAUSE shop in" in stage.line(" HELD ")
        assert stage.app.analysis is not None
        assert [one.undoing.verb for one in stage.app.analysis.pooler_holds] == [BouncerVerb.RESUME]
        await stage.press("L")
        assert "RESUME shop?" in stage.screen
        await stage.press("y")
        assert console.given[1:] == [(bouncer.name, BouncerCommand(BouncerVerb.RESUME, "shop"))]
        for _ in range(2):
            await stage.post(replace(seen, sessions=(root,)))
        assert " HELD " not in stage.screen


async def test_where_the_role_may_not_be_changed_its_database_in_pgbouncer_is_offered_beside_the_statement(
    tmp_path: Path,
) -> None:
    seen, console, it = pooled(), FakeConsole(), Outage(tmp_path)
    it.holdings.may_alter = False
    root = next(one for one in seen.sessions if one.pid == 3000)
    options = replace(it.options, powers=replace(sure(it.options.powers), commands=console))
    async with on_stage(replace(seen, sessions=(root,)), options=options, size=SMALL) as stage:
        await stage.press("2", "H", "7")
        menu = stage.app.screen
        assert isinstance(menu, HoldMenu)
        assert [one.command.verb.value for one in menu._options if isinstance(one, PoolerOption)] == [
            "DISABLE",
            "PAUSE",
        ]
        said = " ".join(stage.screen.split())
        assert "a superuser may" in said
        assert "ALTER ROLE" in said
        assert "type another" not in said
        assert "higher limit" not in said
        await stage.press("a")
        assert "DISABLE shop?" in stage.screen
        await stage.press("y")
        assert [command.verb for _, command in console.given] == [BouncerVerb.DISABLE]
        # Without an administrator's right there as well, it is said only.
        (bouncer,) = seen.pgbouncers
        await stage.post(replace(seen, sessions=(root,), pgbouncers=(replace(bouncer, admin=False),)))
        await stage.press("H")
        assert not isinstance(stage.app.screen, HoldMenu)
        assert "not held" in stage.screen
    assert it.holdings.changes == []


async def test_if_the_limit_fails_nobody_is_ended(tmp_path: Path) -> None:
    it = Outage(tmp_path)
    it.holdings.refuse = "not permitted: permission denied"
    async with on_stage(options=it.options) as stage:
        await hold_first(stage)
        assert "refused: not permitted" in stage.screen
        assert it.server.signals == []
        assert " HELD " not in stage.screen


async def test_who_may_not_be_held_is_said_at_once(tmp_path: Path) -> None:
    it = Outage(tmp_path)
    it.holdings.superusers = tuple({one.user for one in outage().sessions if one.user})
    async with on_stage(options=it.options) as stage:
        await stage.press("H")
        assert "no limit binds it" in stage.screen
        it.holdings.lost = True
        await stage.press("H")
        assert "not connected" in stage.screen
    assert it.holdings.changes == []


@pytest.mark.parametrize("keys", [("2",), ("6",)])
async def test_from_other_screens_without_a_number_where_nobody_is_ended(tmp_path: Path, keys: tuple[str, ...]) -> None:
    it = Outage(tmp_path)
    async with on_stage(options=it.options, size=SMALL) as stage:
        await stage.press(*keys, "H")
        menu = stage.app.screen
        assert isinstance(menu, HoldMenu)
        changes = [one.change.after for one in menu._options if isinstance(one, HoldOption)]
        nologin = changes.index(Grip(None, False))
        await stage.press("abcde"[nologin])
        assert type(stage.app.screen) is Confirm
        await stage.press("n", "H", "abcde"[nologin], "y")
        assert [change.after for change in it.holdings.changes] == [Grip(None, False)]
        assert it.server.signals == []
        await stage.post(replace(outage(), taken_at=outage().taken_at))
        assert "NOLOGIN since" in stage.line(" HELD ")


async def test_without_anybody_to_hold_there_is_no_key() -> None:
    async with on_stage() as stage:
        await stage.press("H", "L")
        assert not isinstance(stage.app.screen, HoldMenu | Confirm)
