"""Limits are advised from peaks, so that no application takes the last slots."""

from dataclasses import replace

from advice.grounds import ground
from pasts import at
from pgheadroom.advice.limit_rows import limit_rows, limit_sum
from pgheadroom.advice.limits import limits
from pgheadroom.analysis import Memory
from pgheadroom.model.health import Status
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role
from pgheadroom.model.thresholds import Thresholds
from samples import many, snapshot


def role(name: str = "web", limit: int | None = None, *, superuser: bool = False) -> dict[str, Role]:
    return {name: Role(name, superuser, limit)}


def test_a_role_that_takes_much_gets_its_peak_and_a_quarter_more() -> None:
    (piece,) = limits(ground(snapshot(many(40), roles=role()), snapshot(many(10), roles=role())))
    assert piece.do == ("ALTER ROLE web CONNECTION LIMIT 50;",)
    assert piece.undo == ("ALTER ROLE web CONNECTION LIMIT -1;",)
    assert piece.beside == ()


def test_a_role_that_fills_the_server_gets_what_leaves_the_others_their_share_also_below_its_own_limit() -> None:
    crowd = [*many(80), *many(10, first_pid=3000, user="other")]
    for before in (None, 90):
        (piece,) = limits(ground(snapshot(crowd, roles=role(limit=before))))
        assert piece.do == ("ALTER ROLE web CONNECTION LIMIT 47;",)
        assert piece.saves == 33
        assert piece.beside == ("pgheadroom hold --user web --limit 47 --end",)


def test_a_role_with_few_or_with_a_limit_while_there_is_room_is_left_alone() -> None:
    assert not [*limits(ground(snapshot(many(10), roles=role())))]
    assert not [*limits(ground(snapshot(many(40), roles=role(limit=60))))]


def test_a_superuser_is_told_that_no_limit_binds_it() -> None:
    (piece,) = limits(ground(snapshot(many(40, user="root"), roles=role("root", superuser=True))))
    assert piece.do == ()
    assert "SUPERUSER" in piece.steps[0]


def test_a_database_that_many_roles_share_is_limited_as_a_whole() -> None:
    names = "abcd"
    crowd = [one for place, name in enumerate(names) for one in many(15, first_pid=1000 * (1 + place), user=name)]
    others = many(2, first_pid=9000, database="news", user="a")
    roles = {key: value for name in names for key, value in role(name).items()}
    databases = {name: Database(name, None) for name in ("shop", "news")}
    (piece,) = limits(ground(snapshot([*crowd, *others], roles=roles, databases=databases)))
    assert piece.do == ("ALTER DATABASE shop CONNECTION LIMIT 75;",)
    assert piece.undo == ("ALTER DATABASE shop CONNECTION LIMIT -1;",)


def test_a_limit_that_is_nearly_reached_while_there_is_room_is_raised_or_its_pool_made_smaller() -> None:
    (piece,) = limits(ground(snapshot(many(9, state=State.ACTIVE), roles=role(limit=10))))
    assert piece.do == ("ALTER ROLE web CONNECTION LIMIT 20;",)
    assert "or fewer sessions" in piece.title
    assert piece.role == "web"


def test_all_limits_stand_beside_what_was_used_and_their_sum_beside_the_usable_slots() -> None:
    roles = {
        **role(limit=60), **role("idle"), **role("root", superuser=True), **role("batch", 10), **role("shut", 0),
        "nobody": Role("nobody", False, 5, login=False), "spare": Role("spare", False, 4, reserved=True),
    }  # fmt: skip
    databases = {"shop": Database("shop", 12), "broken": Database("broken", None, valid=False)}
    busy = [*many(3), *many(9, first_pid=2000, user="batch")]
    told = ground(snapshot(many(7), roles=roles, databases=databases), snapshot(busy, roles=roles, databases=databases))
    rows = limit_rows(told)
    assert [(row.name, row.limit, row.now, row.peak) for row in rows[:3]] == [
        ("shop", 12, 12, 12), ("batch", 10, 9, 9), ("web", 60, 3, 7),
    ]  # fmt: skip
    assert [(row.note, row.status) for row in rows[:3]] == [
        ("at its limit", Status.CRITICAL), ("near its limit", Status.WARNING), ("", Status.OK),
    ]  # fmt: skip
    notes = {row.name: row.note for row in rows[3:]}
    assert notes == {
        "shut": "lets nobody in", "spare": "may use the reserve", "idle": "", "root": "superuser: none binds it",
        "broken": "invalid: only DROP DATABASE is left",
    }  # fmt: skip
    assert limit_sum(told).sentence == (
        "The limits of 4 roles let in 74 sessions together, 97 slots are usable; 1 login role has no limit."
    )
    assert limit_sum(told).words == "4 roles: 74 of 97 usable; 1 without"


def test_peaks_reach_as_far_back_as_the_monitor_remembers() -> None:
    roles, databases = role(limit=60), {"shop": Database("shop", None)}
    memory = Memory(Thresholds())
    for second, count in enumerate((60, 4, 3)):
        seen = memory.take(at(second, many(count), roles=roles, databases=databases))
    told = ground(at(3, many(3), roles=roles, databases=databases))
    rows = {row.name: (row.now, row.peak, row.note) for row in limit_rows(replace(told, case=seen))}
    assert rows == {"web": (3, 60, "was at its limit"), "shop": (3, 60, "")}
    assert {row.name: row.peak for row in limit_rows(told)} == {"web": 3, "shop": 3}


def test_of_twenty_thousand_roles_only_those_with_sessions_are_looked_at_again() -> None:
    crowd = {f"tenant{number}": Role(f"tenant{number}", False, 5) for number in range(20_000)}
    none: dict[str, Database] = {}
    first, second = (
        limit_rows(ground(snapshot(many(count, user="tenant7"), roles=crowd, databases=none))) for count in (1, 2)
    )
    assert (len(first), first[0].now, second[0].now) == (20_000, 1, 2)
    assert all(one is other for one, other in zip(first[1:], second[1:], strict=True))
