"""Screen 6: what is wrong, and the key that helps."""

import re
from dataclasses import replace
from pathlib import Path

from pgheadroom.acting.powers import Powers
from pgheadroom.audit import Audit
from pgheadroom.model.snapshot import PreparedTransaction, SlotKind
from pgheadroom.tui.options import Options
from samples import ago, waiter
from sure import sure
from tui.outage import outage, session
from tui.powers import FakeRollbacks, FakeServer, armed
from tui.stage import LARGE, SMALL, matches_golden, on_stage, settled
from tui.test_acting import known_roles


async def test_triage_looks_like_its_golden_and_is_one_key_away(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(*settled(server.snapshot), options=armed(server, tmp_path), size=LARGE) as stage:
        await stage.press("t")
        matches_golden("triage-160x50", stage.screen)


async def test_each_finding_is_told_with_evidence_and_remedy() -> None:
    async with on_stage(size=LARGE) as stage:
        await stage.press("6")
        findings = stage.table("#findings")
        assert len(findings.rows) > 2
        for finding in findings.rows:
            assert finding.sentence in stage.screen
            assert findings.current is finding
            assert "what to do" in stage.screen
            await stage.press("j")


async def test_enter_opens_the_remedy_filtered_and_ready(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(*settled(server.snapshot), options=armed(server, tmp_path), size=LARGE) as stage:
        await stage.press("t")
        findings = stage.table("#findings")
        while (proposal := sure(findings.current).proposal) is None or proposal.verb is None:
            await stage.press("j")
        wanted = sure(findings.current).proposal
        await stage.press("enter")
        assert type(stage.app.screen).__name__ == "Bulk"
        assert wanted.verb.value.upper() in stage.screen
    async with on_stage(*settled(server.snapshot), options=Options("prod", read_only=True), size=LARGE) as stage:
        await stage.press("t", "enter")
        assert "SESSIONS" in stage.screen


async def test_calm_server_has_no_finding() -> None:
    calm = replace(outage(), sessions=(session(1),), lock_requests=(), pgbouncers=())
    async with on_stage(*settled(calm)) as stage:
        await stage.press("t")
        assert "nothing wrong found" in stage.screen
        assert re.search(r"OK +slots used +1% +80% / 90%", stage.screen)
        assert re.search(r"OK +oldest idle in tx +0s +5m00s / 30m", stage.screen)


async def test_small_window_has_the_whole_finding_and_the_way_here_below(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(*settled(server.snapshot), options=armed(server, tmp_path)) as stage:
        await stage.press("t")
        matches_golden("triage-80x24", stage.screen)
        assert "press Enter" in stage.screen
        await stage.press("tab", "G")
        assert "Is it resolved?" in stage.screen
        # The focus is in the text, and Enter still opens the remedy.
        await stage.press("enter")
        assert type(stage.app.screen).__name__ == "Bulk"


async def test_another_finding_is_told_from_its_first_line(tmp_path: Path) -> None:
    server = FakeServer(known_roles(outage()))
    async with on_stage(*settled(server.snapshot), options=armed(server, tmp_path)) as stage:
        await stage.press("t", "tab", "G")
        assert " of " in stage.line("WHAT HELPS")
        assert " 1–" not in stage.line("WHAT HELPS")
        await stage.press("shift+tab", "j")
        assert " 1–" in stage.line("WHAT HELPS")


async def test_a_prepared_transaction_is_rolled_back_after_a_question_or_handed_over(tmp_path: Path) -> None:
    left = PreparedTransaction("order-4711", "batch", "shop", ago(600))
    stuck = replace(outage(), sessions=tuple(waiter(n, 0) for n in range(20, 40)), prepared=(left,))
    server, rollbacks = FakeServer(stuck), FakeRollbacks()
    powers = Powers(server, Audit(tmp_path / "pgheadroom" / "actions.jsonl"), rollbacks=rollbacks)
    options = Options("prod", powers=powers)
    ours = replace(stuck, door=replace(stuck.door, database="shop", user="batch"))
    async with on_stage(*settled(ours), options=options, size=SMALL) as stage:
        for keys in (["3", "K"], ["enter"], ["1", "tab", "K"]):
            stage.app.say("")
            await stage.press(*keys)
            assert "a prepared transaction has no session: Enter on screen 6 rolls it back" in stage.screen
        await stage.press("t", "enter")
        assert "Roll this prepared transaction back?" in stage.screen
        assert "prepared 10m ago by batch in shop" in stage.screen
        assert "ROLLBACK PREPARED 'order-4711';" in stage.screen
        assert "20 waiters can go on" in stage.screen
        await stage.press("n", "enter", "y")
        assert rollbacks.asked == [left]
        assert "ROLLBACK PREPARED order-4711: done" in stage.screen
    for door, because in (
        (replace(ours.door, user="dba", slot=SlotKind.ORDINARY), "our role dba may not"),
        (replace(ours.door, database="postgres"), "has to be done in database shop"),
    ):
        async with on_stage(*settled(replace(ours, door=door)), options=options, size=LARGE) as stage:
            await stage.press("t", "enter")
            assert because in stage.screen
            assert "To hand over: ROLLBACK PREPARED 'order-4711';" in stage.screen
    assert len(rollbacks.asked) == 1
