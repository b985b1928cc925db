"""Screen 4, the chain from the client to the backend on every screen, and the commands to PgBouncer."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandResult
from pgheadroom.model.pool import PgBouncer
from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.pgbouncer import Bouncers
from pgheadroom.tui.widgets.table import Table
from sure import sure
from tui.outage import outage
from tui.pooled import ROOT, FakeConsole, commanding, pooled
from tui.stage import LARGE, Stage, matches_golden, on_stage


def pane(stage: Stage) -> Table[Any]:
    """The list that is in front."""
    assert isinstance(stage.app.screen, Bouncers)
    return sure(stage.app.screen.current_pane)


async def tabs(stage: Stage, count: int) -> None:
    await stage.press("4", *["tab"] * count)


async def test_screen_looks_like_its_goldens() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        await stage.press("4")
        matches_golden("pgbouncer-160x50", stage.screen)
        await stage.press("tab")
        matches_golden("pgbouncer-clients-160x50", stage.screen)


async def test_summary_counts_clients_and_says_why_they_wait() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        await stage.press("4")
        assert "PgBouncer 1.24.1  active  clients 60/100" in stage.line("pgb1  ")
        assert "shop/web: 17 clients wait" in stage.screen


async def test_every_list_of_the_console_has_a_tab() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        await stage.press("4")
        seen = []
        for _ in range(8):
            seen.append(pane(stage).id)
            await stage.press("tab")
        assert seen == ["pools", "clients", "servers", "databases", "stats", "users", "config", "lists"]


async def test_config_that_differs_from_the_default_comes_first() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        await tabs(stage, 6)
        assert [row.item.key for row in pane(stage).rows] == ["pool_mode", "max_client_conn"]


async def test_client_leads_to_its_backend_and_the_backend_to_its_client(tmp_path: Path) -> None:
    seen = pooled()
    async with on_stage(seen, options=commanding(seen, FakeConsole(), tmp_path), size=LARGE) as stage:
        await tabs(stage, 1)
        clients = pane(stage)
        assert [row.item.state for row in clients.rows] == ["waiting", "active", "idle"]
        await stage.press("j", "enter")
        assert f"pid {ROOT}" in stage.screen
        assert "pgb1 pool shop/billing  ← invoice-run 10.0.9.9:50001" in stage.screen
        await stage.press("o")
        assert sure(pane(stage).current).item.ptr == "c1"


async def test_hogs_name_the_real_clients_behind_the_pooler() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        line = stage.line("invoices ")
        assert "pooler ←3" in line
        assert "invoice-run 10.0.9.9 1/3+1 waiting" in line


async def test_lock_root_behind_the_pooler_names_the_real_application() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        assert "←invoice-run" in stage.line(f"● {ROOT}")


async def test_link_in_one_direction_only_is_not_believed() -> None:
    seen = pooled()
    (bouncer,) = seen.pgbouncers
    stale = replace(bouncer, servers=(bouncer.servers[0]._replace(link="c3"),))
    async with on_stage(replace(seen, pgbouncers=(stale,)), size=LARGE) as stage:
        assert "←invoice-run" not in stage.screen


async def test_terminating_a_poolers_connection_names_the_client_it_hits(tmp_path: Path) -> None:
    seen = pooled()
    async with on_stage(seen, options=commanding(seen, FakeConsole(), tmp_path), size=LARGE) as stage:
        await stage.press("tab", "K")
        assert "1 target of a pooler" in stage.screen
        assert f"{ROOT} serves invoice-run 10.0.9.9:50001" in stage.screen
        assert "to cut the client instead" in stage.screen


async def test_bulk_spares_the_poolers_connections_unless_asked(tmp_path: Path) -> None:
    seen = pooled()
    async with on_stage(seen, options=commanding(seen, FakeConsole(), tmp_path), size=LARGE) as stage:
        await stage.press("2", "slash", *"user:billing", "enter", "B")
        assert "nobody to signal" in stage.screen
        assert "it is a pooler's server connection" in stage.screen
        await stage.press("o")
        assert "TERMINATE 1 session" in stage.screen


async def test_command_is_chosen_confirmed_given_and_written_down(tmp_path: Path) -> None:
    seen, console = pooled(), FakeConsole()
    async with on_stage(seen, options=commanding(seen, console, tmp_path), size=LARGE) as stage:
        await tabs(stage, 3)
        await stage.press("X")
        assert "PAUSE shop" in stage.screen
        await stage.press("a")
        assert "PAUSE shop?" in stage.screen
        await stage.press("enter")
        assert console.given == []
        await stage.press("X", "a", "y")
        await stage.settle()
        assert console.given == [("pgb1", BouncerCommand(BouncerVerb.PAUSE, "shop"))]
        assert "PAUSE shop: done" in stage.screen
    lines = [json.loads(line) for line in (tmp_path / "pgheadroom" / "actions.jsonl").read_text().splitlines()]
    assert [(line["event"], line.get("command")) for line in lines] == [("intended", "PAUSE shop"), ("result", None)]


async def test_what_stands_over_a_pgbouncer_is_ended_from_its_finding(tmp_path: Path) -> None:
    seen, console = pooled(paused=True), FakeConsole()
    async with on_stage(seen, options=commanding(seen, console, tmp_path), size=LARGE) as stage:
        await stage.press("6")
        findings = stage.table("#findings")
        while sure(findings.current).family != "pgbouncer-stands":
            await stage.press("j")
        assert "RESUME shop, after a question" in stage.line("press Enter")
        await stage.press("enter")
        assert "RESUME shop?" in stage.screen
        await stage.press("n")
        assert console.given == []
        await stage.press("enter", "y")
        await stage.settle()
        assert console.given == [("pgb1", BouncerCommand(BouncerVerb.RESUME, "shop"))]
        assert "RESUME shop: done" in stage.screen


async def test_whoever_leaves_during_a_command_leaves_a_line_of_that(tmp_path: Path) -> None:
    class Silent(FakeConsole):
        async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
            await super().command(bouncer, command)
            await asyncio.Event().wait()
            raise AssertionError

    seen, console = pooled(), Silent()
    async with on_stage(seen, options=commanding(seen, console, tmp_path), size=LARGE) as stage:
        await tabs(stage, 3)
        await stage.press("X", "a", "y")
        assert console.given
        await stage.press("q")
    lines = [json.loads(line) for line in (tmp_path / "pgheadroom" / "actions.jsonl").read_text().splitlines()]
    assert [(line["event"], line.get("outcome")) for line in lines] == [("intended", None), ("result", "uncertain")]


async def test_paused_database_has_a_banner_and_can_be_resumed(tmp_path: Path) -> None:
    seen, console = pooled(paused=True), FakeConsole()
    async with on_stage(seen, options=commanding(seen, console, tmp_path), size=LARGE) as stage:
        await tabs(stage, 3)
        assert "shop is paused" in stage.screen
        await stage.press("X")
        assert "RESUME shop" in stage.screen
        assert "PAUSE shop" not in stage.screen


async def test_a_pause_under_way_tells_whom_it_waits_for_of_its_own_database_alone() -> None:
    """One database's name is a part of the other's."""
    seen = pooled()
    (before,) = seen.pgbouncers
    (shop,) = before.databases
    pausing = BouncerCommand(BouncerVerb.PAUSE, "shop2")
    bouncer = replace(before, databases=(shop, replace(shop, name="shop2")), command=pausing)
    async with on_stage(replace(seen, pgbouncers=(bouncer,)), size=LARGE) as stage:
        await stage.press("4")
        assert "PAUSE shop2 is being carried out" in stage.screen
        assert "it waits for" not in stage.screen
    bouncer = replace(bouncer, command=BouncerCommand(BouncerVerb.PAUSE, "shop"))
    async with on_stage(replace(seen, pgbouncers=(bouncer,)), size=LARGE) as stage:
        await stage.press("4")
        assert "PAUSE shop is being carried out: it waits for invoice-run" in stage.screen


async def test_a_client_is_cut_from_1_24_on(tmp_path: Path) -> None:
    for version, offered in (("1.24.1", True), ("1.18.0", False)):
        seen = pooled(version)
        async with on_stage(seen, options=commanding(seen, FakeConsole(), tmp_path), size=LARGE) as stage:
            await tabs(stage, 1)
            await stage.press("j", "X")
            assert ("KILL_CLIENT 1 (invoice-run)" in stage.screen) is offered


async def test_stats_user_and_read_only_see_no_commands(tmp_path: Path) -> None:
    seen = pooled(admin=False)
    async with on_stage(seen, options=commanding(seen, FakeConsole(), tmp_path)) as stage:
        await stage.press("4")
        assert "X command" not in stage.screen
        await stage.press("X")
        assert "Command to" not in stage.screen
    async with on_stage(pooled(), options=Options("prod", read_only=True)) as stage:
        await stage.press("4")
        assert "X command" not in stage.screen


async def test_pgbouncer_in_trouble_and_none_at_all_are_said() -> None:
    down = PgBouncer("pgb1", trouble="connection refused", age=None)
    async with on_stage(replace(outage(), pgbouncers=(down,))) as stage:
        await stage.press("4")
        assert "✗ connection refused" in stage.screen
    async with on_stage(replace(outage(), pgbouncers=())) as stage:
        await stage.press("4")
        assert "no PgBouncer given" in stage.screen


async def test_keys_that_find_no_session_say_why(tmp_path: Path) -> None:
    seen = pooled()
    stale = replace(seen.pgbouncers[0], trouble="nobody listens there", age=4.0, servers=())
    seen = replace(seen, pgbouncers=(stale,))
    async with on_stage(seen, options=commanding(seen, FakeConsole(), tmp_path), size=LARGE) as stage:
        await stage.press("4", "K")
        assert "a session is chosen on Clients or Servers" in stage.screen
        assert "K terminate" not in stage.screen
        await stage.press("tab")
        for key in ("C", "enter"):
            stage.app.hush()
            assert "is not known" not in stage.screen
            await stage.press(key)
            assert "is not known: its PgBouncer gives no data" in stage.screen
        await stage.press("X")
        assert "none that could be given now: PgBouncer gives no data" in stage.screen


async def test_the_lists_answer_the_mouse() -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        await stage.press("4")
        await stage.pilot.click("#tabs", offset=(stage.line("Pools").index("Servers"), 0))
        await stage.settle()
        assert "▸ SERVERS" in stage.screen


async def test_pools_are_warned_of_by_who_waits_most_and_what_has_no_room_is_counted() -> None:
    seen = pooled()
    first = seen.pgbouncers[0]
    crowded = tuple(replace(first.pools[0], database=f"d{chr(97 + n)}", cl_waiting=n + 1) for n in range(9))
    async with on_stage(replace(seen, pgbouncers=(replace(first, pools=crowded),)), size=LARGE) as stage:
        await stage.press("4")
        lines = stage.screen.splitlines()
        assert lines[3].startswith("! di/web: 9 clients wait")
        head = lines[: next(n for n, line in enumerate(lines) if line.startswith("Tab "))]
        assert head[-1].startswith("+")
        assert head[-1].endswith("more")
