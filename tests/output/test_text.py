import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.analysis import analyse
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Gap, LockRequest, Role, SlotSettings, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.text import NARROWEST, render
from pgheadroom.words.text import cell_width, safe
from samples import ago, many, pool, roles, session, snapshot, waiter
from strategies import snapshots

PLAIN = Thresholds()


def lines(sample: Snapshot, width: int = 100) -> list[str]:
    return render(analyse(sample, PLAIN), width).splitlines()


def section(title: str, told: list[str]) -> list[str]:
    start = next(number for number, line in enumerate(told) if line.startswith(title))
    end = next((number for number, line in enumerate(told) if number > start and not line), len(told))
    return told[start:end]


def outage() -> Snapshot:
    crowd = [
        *many(55),
        *many(30, 2000, state=State.IDLE_IN_TRANSACTION, since=700, user="batch", application="import"),
        session(3000, State.ACTIVE, user="batch", application="ddl"),
        *(waiter(4000 + n, 3000, since=n) for n in range(8)),
    ]
    return snapshot(
        crowd,
        roles=roles(Role("web", False, 70), Role("batch", False, None)),
        lock_requests=(LockRequest(4003, "relation", "RowShareLock", "table public.orders", ago(3)),),
        pgbouncers=(
            PgBouncer("b1", pools=(pool(cl_waiting=12, maxwait=8, sv_active=20, size=20),)),
            PgBouncer("b2", trouble="connection refused", age=None),
        ),
        gaps=(Gap("limits", "permission denied"),),
    )


def test_the_head_says_which_server_when_and_how_we_got_in() -> None:
    assert lines(outage())[:4] == [
        "pgheadroom  2026-03-14 03:07:00 UTC",
        "status      CRITICAL",
        "server      db1:5432, PostgreSQL 18.4, primary, up 1h00m",
        "door        monitor@postgres, superuser slot, answered in <10ms",
    ]


def test_slots_are_told_as_used_of_usable_with_the_reserve() -> None:
    told = lines(outage())
    assert "SLOTS       94/97 used, 97%, 3 free; reserve 3 superuser, 0 in use" in told
    assert "free for    ordinary roles 3, superusers 6" in told
    assert "limits      role web 63/70" in told
    over = lines(snapshot(many(99), settings=SlotSettings(104, 3, 2)))
    assert "SLOTS       99/99 used, 100%, 0 free; reserve 3 superuser + 2 reserved, 0 in use" in over


def test_findings_come_with_evidence_and_remedy() -> None:
    told = section("FINDINGS", lines(outage()))
    assert told[1].startswith("  CRITICAL  94 of 97 usable slots taken, 55 idle; most by web/checkout (55)")
    assert any(line.lstrip().startswith("-> ") for line in told)
    assert "FINDINGS    none" in lines(snapshot())


def test_every_part_of_the_sample_has_its_section() -> None:
    told = lines(outage())
    assert any("idle in transaction" in line and " 30 " in line for line in section("STATES", told))
    assert any(line.split()[:2] == ["batch", "import"] for line in section("HOGS", told))
    locks = section("LOCK WAITS", told)
    assert locks[0] == "LOCK WAITS  8 sessions waiting"
    assert "3000" in locks[2]
    assert any("public.orders: RowShare" in line for line in locks)
    pools = section("PGBOUNCER", told)
    assert any("b2: connection refused" in line for line in pools)
    assert section("NOT KNOWN", told) == ["NOT KNOWN", "  limits: permission denied"]
    assert any(line.split()[:3] == ["CRITICAL", "connection_usage_percent", "96.9"] for line in section("HEALTH", told))


def test_long_tables_say_how_much_was_left_out() -> None:
    told = lines(snapshot([session(n, user=f"u{n}") for n in range(25)]))
    assert section("HOGS", told)[-1] == "... 5 groups more"


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_nothing_is_wider_than_asked_for(width: int) -> None:
    assert max(map(cell_width, lines(outage(), width))) <= width


@given(snapshots(), st.integers(40, 160))
def test_any_snapshot_can_be_told_without_a_character_that_a_terminal_obeys(sample: Snapshot, width: int) -> None:
    told = render(analyse(sample, PLAIN), width)
    assert told.endswith("\n")
    for line in told.splitlines():
        assert safe(line) == line
        assert cell_width(line) <= max(width, NARROWEST)
    assert len(told.split("\n")) == len(told.splitlines()) + 1
