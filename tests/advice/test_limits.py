"""Limits are advised from peaks, so that no application takes the last slots."""

from advice.grounds import ground
from pgheadroom.advice.limits import limit_rows, limit_sum, limits
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role
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


def test_all_limits_stand_beside_what_was_used_and_their_sum_beside_the_usable_slots() -> None:
    roles = {**role(limit=60), **role("idle"), **role("root", superuser=True), **role("batch", 80)}
    told = ground(snapshot(many(7), roles=roles), snapshot(many(3), roles=roles))
    rows = {row.name: row for row in limit_rows(told)}
    assert (rows["web"].limit, rows["web"].now, rows["web"].peak) == (60, 3, 7)
    assert "idle" not in rows
    assert limit_sum(told) == (
        "The limits of 2 roles let in 140 sessions together, 97 slots are usable; 1 login role has no limit."
    )
