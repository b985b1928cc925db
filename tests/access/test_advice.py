"""Advice before shut doors, and the better door that would exist."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgheadroom.access.advice import advice, better_door, no_longer
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.snapshot import Door, Server, SlotKind, SlotSettings

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def refused(limit: RefusedBy, name: str = "", message: str = "") -> Refusal:
    return Refusal("web@db1/shop", limit, name, None, message, NOW)


def server(version_num: int) -> Server:
    return Server("db1", "x", version_num, False, NOW)


def door(slot: SlotKind, user: str = "Watcher") -> Door:
    return Door(user, "shop", slot, 1, True, True)


@pytest.mark.parametrize("limit", [limit for limit in RefusedBy if limit is not RefusedBy.OTHER])
def test_every_limit_has_advice(limit: RefusedBy) -> None:
    assert advice([refused(limit)], "web")


def test_what_is_not_for_lack_of_room_needs_none() -> None:
    assert advice([refused(RefusedBy.OTHER)], "web") == ()


def test_the_grant_to_have_ready_is_for_16_and_later() -> None:
    grant = 'GRANT pg_use_reserved_connections TO "Watcher";'
    assert any(grant in sentence for sentence in advice([refused(RefusedBy.RESERVE)], "Watcher", 160_000))
    assert not any(grant in sentence for sentence in advice([refused(RefusedBy.SERVER)], "Watcher", 150_018))
    told = refused(RefusedBy.SUPERUSER_RESERVE, message="reserved for non-replication superuser connections")
    assert not any(grant in sentence for sentence in advice([told], "Watcher"))
    assert any("as superuser" in s or "superuser's door" in s for s in advice([told], "Watcher"))
    # Where the version is not known, it says from which on.
    unknown = advice([refused(RefusedBy.SERVER)], "Watcher")
    assert any(grant in sentence and "16 and later" in sentence for sentence in unknown)


def test_the_limit_that_is_full_is_named() -> None:
    (role, *_) = advice([refused(RefusedBy.ROLE, 'we"b')])
    assert 'ALTER ROLE "we""b" CONNECTION LIMIT' in role
    (database, *_) = advice([refused(RefusedBy.DATABASE, "shop")])
    assert "ALTER DATABASE shop CONNECTION LIMIT" in database


UNREADABLE = r"m\xfcller"


@pytest.mark.parametrize(
    "sentences",
    [
        *(advice([refused(limit, UNREADABLE)], UNREADABLE, 170_000) for limit in (RefusedBy.ROLE, RefusedBy.DATABASE)),
        advice([refused(RefusedBy.SERVER)], UNREADABLE, 170_000),
        (no_longer([refused(RefusedBy.OTHER, message="role is not permitted to log in")], UNREADABLE),),
        (better_door(door(SlotKind.ORDINARY, UNREADABLE), server(170_000), SlotSettings(100, 3, 2, 10)),),
        (better_door(door(SlotKind.ORDINARY, UNREADABLE), server(170_000), SlotSettings(100, 3, 0, 10)),),
    ],
)
def test_a_name_that_cannot_be_read_leaves_no_hole_in_a_statement(sentences: tuple[str, ...]) -> None:
    assert any("<role>" in sentence or "<name>" in sentence for sentence in sentences)
    assert not any("  " in sentence for sentence in sentences)


def test_two_doors_with_the_same_limit_are_advised_once() -> None:
    once, twice = advice([refused(RefusedBy.SERVER)]), advice([refused(RefusedBy.SERVER)] * 2)
    assert once == twice


def test_no_reserve_helps_against_processes_that_never_log_in() -> None:
    (only,) = advice([refused(RefusedBy.PROCESSES)], "web", 180_000)
    assert "authentication_timeout" in only


@pytest.mark.parametrize(
    ("slot", "version_num", "reserved", "words"),
    [
        (SlotKind.SUPERUSER, 180_000, 0, ""),
        (SlotKind.RESERVED, 180_000, 2, ""),
        (SlotKind.RESERVED, 180_000, 0, "reserved_connections is 0"),
        (SlotKind.ORDINARY, 180_000, 2, 'GRANT pg_use_reserved_connections TO "Watcher" takes one of 2 reserved'),
        (SlotKind.ORDINARY, 160_000, 0, "reserved_connections is 0"),
        (SlotKind.ORDINARY, 150_000, 0, "give a superuser's --door"),
    ],
)
def test_a_better_door_is_said_where_one_would_exist(
    slot: SlotKind, version_num: int, reserved: int, words: str
) -> None:
    said = better_door(door(slot), server(version_num), SlotSettings(30, 3, reserved))
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('db1:5432: password authentication failed for user "web"', "~/.pgpass"),
        ("db1:5432: a password is needed", "asks for a password now"),
        ('db1:5432: role "Watcher" is not permitted to log in', 'ALTER ROLE "Watcher" LOGIN;'),
        ('db1:5432: role "Watcher" does not exist', "dropped or renamed"),
        ('db1:5432: database "shop" does not exist', "-d postgres"),
        ('db1:5432: permission denied for database "shop"', 'GRANT CONNECT ON DATABASE ... TO "Watcher";'),
        ('db1:5432: no pg_hba.conf entry for host "10.0.0.5", user "web"', "pg_reload_conf()"),
        ('db1:5432: Ident authentication failed for user "web"', "pg_ident.conf"),
        ('db1:5432: PAM authentication failed for user "web"', "tokens of a cloud"),
        ('db1:5432: LDAP authentication failed for user "web"', "behind the server"),
        ('db1:5432: GSSAPI authentication failed for user "web"', "kinit"),
        ('db1:5432: certificate authentication failed for user "web"', "sslcert"),
        ("db1:5432: SSL error: sslv3 alert certificate expired", "sslcert"),
        ("db1:5432: the access token has expired", "fetch a new one"),
        ('db1:5432: pg_hba.conf rejects connection for host "10.0.0.5", user "web"', "pg_reload_conf()"),
        ('db1:5432: password-Authentifizierung für Benutzer "web" fehlgeschlagen', "server's log"),
        ('db1:5432: 用户 "web" Password 认证失败', "server's log"),
    ],
)
def test_who_was_let_in_before_hears_what_changed(message: str, words: str) -> None:
    told = no_longer([refused(RefusedBy.OTHER, message=message)], "Watcher")
    assert words in told
    assert bool(told) == bool(words)


@pytest.mark.parametrize("hindrance", [kind for kind in Hindrance if kind is not Hindrance.LOGIN])
def test_what_passes_by_itself_changed_nothing(hindrance: Hindrance) -> None:
    passing = replace(refused(RefusedBy.OTHER, message="the database system is starting up"), hindrance=hindrance)
    assert no_longer([passing], "Watcher") == ""


def test_only_the_door_that_let_us_in_is_told_what_changed() -> None:
    full = replace(refused(RefusedBy.SERVER, message="too many clients"), hindrance=Hindrance.NO_ROOM)
    other = refused(RefusedBy.OTHER, message='Peer authentication failed for user "postgres"')
    assert no_longer([full, other], "Watcher") == ""
