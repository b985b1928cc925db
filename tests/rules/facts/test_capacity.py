"""Slot arithmetic against the figures that were seen on real servers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.capacity import Limit
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role, SlotSettings, Snapshot
from pgheadroom.rules.facts.capacity import capacity, free_for
from samples import databases, many, roles, session, snapshot
from strategies import snapshots

# The servers of the facts: max_connections 12, superuser_reserved 3, reserved 2 from 16 on.
TWELVE = SlotSettings(max_connections=12, superuser_reserved=3, reserved=2, max_wal_senders=3)


def test_the_three_kinds_of_free_slots() -> None:
    slots = capacity(snapshot(many(5), settings=TWELVE))
    assert (slots.usable, slots.used, slots.free, slots.free_reserved, slots.free_superuser) == (7, 5, 2, 4, 7)
    assert slots.used_percent == pytest.approx(500 / 7)


def test_a_server_can_be_over_what_is_usable() -> None:
    slots = capacity(snapshot(many(11), settings=TWELVE))
    assert (slots.free, slots.free_reserved, slots.free_superuser, slots.in_reserve) == (0, 0, 1, 4)
    assert slots.used_percent > 100


def test_sessions_without_a_row_and_the_slot_sync_worker_hold_slots_walsenders_do_not() -> None:
    walsenders = tuple(many(3, first_pid=10, backend_type="walsender"))
    slots = capacity(
        snapshot(many(4), settings=TWELVE, authenticating=2, slot_sync_takes_slot=True, processes=walsenders)
    )
    assert (slots.used, slots.authenticating, slots.walsenders, slots.max_wal_senders) == (7, 2, 3, 3)


def test_sessions_that_authenticate_are_told_with_and_without_rows() -> None:
    starting = session(1, State.STARTING, user=None, database=None)
    assert capacity(snapshot([starting], authenticating=2)).authenticating == 3


def test_role_and_database_limits_count_login_roles() -> None:
    sessions = [*many(4, user="web"), *many(2, first_pid=1, user="batch", database="logs")]
    slots = capacity(
        snapshot(
            sessions,
            roles=roles(Role("web", False, 5), Role("batch", False, None), Role("root", True, 1)),
            databases=databases(Database("shop", 40), Database("logs", 2), Database("broken", None, valid=False)),
        )
    )
    assert [(limit.kind, limit.name, limit.used, limit.ceiling, limit.free) for limit in slots.limits] == [
        ("database", "logs", 2, 2, 0),
        ("role", "web", 4, 5, 1),
        ("database", "shop", 4, 40, 36),
    ]
    assert slots.tightest.name == "logs"


def test_the_server_wins_ties_and_a_door_closed_on_purpose_is_no_crowd() -> None:
    sessions = many(7, user="web")
    full = snapshot(sessions, settings=TWELVE, roles=roles(Role("web", False, 7), Role("nobody", False, 0)))
    assert capacity(full).tightest.kind == "server"
    assert capacity(full).limits[-1].name == "nobody"
    calm = snapshot(many(1), settings=TWELVE, roles=roles(Role("nobody", False, 0)))
    assert capacity(calm).tightest.kind == "server"


@pytest.mark.parametrize(
    ("version_num", "counted"),
    [(160_006, 2), (160_007, 1), (170_002, 2), (170_003, 1), (180_000, 1), (130_018, 2), (130_019, 1)],
)
def test_walsenders_counted_against_limits_before_the_minor_releases_of_february_2025(
    version_num: int, counted: int
) -> None:
    walsender = session(7, user="web", database="shop", backend_type="walsender")
    worker = session(8, user="web", database="shop", backend_type="parallel worker")
    limits = capacity(
        snapshot(
            [session(1, user="web", database="shop")],
            version_num,
            processes=(walsender, worker),
            roles=roles(Role("web", False, 5)),
            databases=databases(Database("shop", 5)),
        )
    ).limits
    assert {limit.used for limit in limits} == {counted}


def test_what_is_free_for_a_role() -> None:
    sample = snapshot(
        many(4, user="web"),
        settings=TWELVE,
        roles=roles(
            Role("web", False, 5),
            Role("root", True, 0),
            Role("kept", False, None, reserved=True),
            Role("off", False, 0),
        ),
        databases=databases(
            Database("shop", 6),
            Database("broken", None, valid=False),
            Database("closed", None, allows_connections=False),
        ),
    )
    assert free_for(capacity(sample), sample, "web", "other") == 1
    assert free_for(capacity(sample), sample, "stranger", "other") == 3
    assert free_for(capacity(sample), sample, "stranger", "shop") == 2
    assert free_for(capacity(sample), sample, "kept", "other") == 5
    assert free_for(capacity(sample), sample, "root", "shop") == 8
    assert free_for(capacity(sample), sample, "off", "other") == 0
    assert free_for(capacity(sample), sample, "root", "broken") == 0
    assert free_for(capacity(sample), sample, "root", "closed") == 0


@given(snapshots())
def test_capacity_adds_up(sample: Snapshot) -> None:
    slots = capacity(sample)
    assert slots.used == len(sample.sessions) + sample.authenticating + sample.slot_sync_takes_slot
    assert 0 <= slots.free <= slots.free_reserved <= slots.free_superuser
    assert slots.usable + slots.reserve == slots.max_connections
    assert slots.free == 0 or slots.in_reserve == 0
    assert slots.tightest.percent >= slots.used_percent
    assert all(limit.free >= 0 and limit.used >= 0 for limit in slots.limits)
    assert all(free_for(capacity(sample), sample, role, "shop") <= slots.free_superuser for role in sample.roles)


LIMITS = st.dictionaries(st.sampled_from("abcdefgh"), st.none() | st.integers(0, 3))


@given(LIMITS, LIMITS, st.lists(st.tuples(st.sampled_from("abcdij"), st.sampled_from("efghij"))))
def test_limits_are_in_order_whoever_uses_them(
    ours: dict[str, int | None], theirs: dict[str, int | None], present: list[tuple[str, str]]
) -> None:
    sessions = [session(100 + number, user=user, database=name) for number, (user, name) in enumerate(present)]
    sample = replace(
        snapshot(sessions),
        roles={name: Role(name, False, limit) for name, limit in ours.items()},
        databases={name: Database(name, limit) for name, limit in theirs.items()},
    )
    users, names = [one.user for one in sessions], [one.database for one in sessions]
    expected = [Limit("role", name, users.count(name), limit) for name, limit in ours.items() if limit is not None]
    expected += [
        Limit("database", name, names.count(name), limit) for name, limit in theirs.items() if limit is not None
    ]
    expected.sort(key=lambda limit: (limit.closed, -limit.percent, limit.kind, limit.name))
    for _ in range(2):  # the second time from what is kept of the catalogue
        found = capacity(sample)
        assert [*found.limits] == expected
        open_ones = [limit for limit in expected if not limit.closed]
        assert found.tightest.percent == max(found.used_percent, *(limit.percent for limit in open_ones), 0.0)
