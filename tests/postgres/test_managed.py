"""Managed services, played on ordinary servers: their roles and their settings are there, and nobody is a superuser."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pgheadroom.access.advice import advice, no_longer
from pgheadroom.analysis import analyse
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.service import SERVICES, Service
from pgheadroom.model.snapshot import SlotKind, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.postgres.refusal import refusal
from pgheadroom.rules.facts.capacity import capacity
from servers import Roles

RESERVED = "rds.rds_superuser_reserved_connections"
ONLY_ELSEWHERE = ("ALTER SYSTEM", "superuser", "pg_hba.conf", "postgresql.conf")
RDS_16 = (
    'connection failed: connection to server at "10.0.0.1", port 5432 failed: FATAL:  remaining connection slots are '
    'reserved for roles with privileges of the "rds_reserved" role'
)
RDS_13 = (
    'connection failed: connection to server at "10.0.0.1", port 5432 failed: FATAL:  remaining connection slots are '
    "reserved for non-replication superuser and rds_superuser connections"
)


def tells_what_cannot_be_done(words: str) -> bool:
    return any(each in words.replace("rds_superuser", "").replace("cloudsqlsuperuser", "") for each in ONLY_ELSEWHERE)


def refused(message: str, limit: RefusedBy, name: str = "", door: str = "web@db1/shop") -> Refusal:
    return Refusal(door, limit, name, None, message, datetime(2026, 1, 1, tzinfo=UTC))


async def sample(conninfo: str) -> Snapshot:
    source = LiveSource(conninfo)
    try:
        await source.sample_once()
        return await source.sample_once()
    finally:
        await source.close()


@pytest.mark.parametrize("major", [15, 18])
async def test_slots_that_rds_keeps_are_counted_and_ours_is_one_of_them(
    new_cluster: Callable[..., Cluster], major: int
) -> None:
    cluster = new_cluster(major, {RESERVED: 4, "max_connections": 20})
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE rds_superuser; CREATE ROLE web LOGIN")
        superuser.execute("CREATE ROLE dba LOGIN IN ROLE rds_superuser, pg_monitor")
    seen = await sample(cluster.conninfo("dba"))
    own = 3 + (2 if major >= 16 else 0)
    assert capacity(seen).usable == 20 - own - 4
    assert seen.door.slot is SlotKind.RESERVED
    assert seen.door.hint == ""
    plain = await sample(cluster.conninfo("web"))
    assert capacity(plain).usable == 20 - own - 4
    assert plain.door.slot is SlotKind.ORDINARY
    assert not tells_what_cannot_be_done(plain.door.hint)
    assert "rds_superuser" in plain.door.hint or "pg_use_reserved_connections" in plain.door.hint


@pytest.mark.parametrize("value", ["99", "many", "", "-1", "9" * 30])
async def test_a_parameter_of_that_name_that_cannot_be_is_not_believed(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, value: str
) -> None:
    role("rds_superuser")
    role("web")
    superuser.execute(f"ALTER ROLE web SET {RESERVED} = '{value}'".encode())
    try:
        seen = await sample(one_server.conninfo("web"))
    finally:
        superuser.execute(f"ALTER ROLE web RESET {RESERVED}".encode())
    assert capacity(seen).usable == 25
    assert not [gap for gap in seen.lacking if gap.part != "sessions"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_advice_is_for_who_the_server_says_it_is(one_server: Cluster, role: Roles, service: Service) -> None:
    role(service.admin)
    role("web")
    seen = await sample(one_server.conninfo("web"))
    assert seen.service is service
    assert not tells_what_cannot_be_done(seen.door.hint)
    (hidden,) = [one for one in analyse(seen, Thresholds()).findings if one.key == "not-visible"]
    assert hidden.remedy == f"As a member of {service.admin}: GRANT pg_monitor TO web;"
    full = refused("FATAL: sorry, too many clients already", RefusedBy.SERVER)
    told = advice([full], "web", seen.server.version_num, seen.service)
    assert any(service.settings in sentence for sentence in told)
    assert not any("ALTER SYSTEM" in sentence or "user=postgres" in sentence for sentence in told)
    gone = refused('FATAL: no pg_hba.conf entry for host "10.0.0.7"', RefusedBy.OTHER)
    assert not tells_what_cannot_be_done(no_longer([gone], "web", seen.service))


async def test_who_is_a_superuser_is_no_customer(one_server: Cluster, role: Roles) -> None:
    role("azure_pg_admin")
    assert (await sample(one_server.conninfo())).service is None


@pytest.mark.parametrize(("text", "name"), [(RDS_16, "rds_reserved"), (RDS_13, "rds_superuser")])
def test_a_refusal_of_rds_is_for_lack_of_room_and_advises_what_can_be_done_there(text: str, name: str) -> None:
    said = refusal(text)
    assert (said.limit, said.name, said.hindrance) == (RefusedBy.RESERVE, name, Hindrance.NO_ROOM)
    assert said.message.endswith("(only reserved slots are left)")
    told = advice([refused(said.message, said.limit, said.name)], "web")
    assert not any(tells_what_cannot_be_done(sentence.replace("no superuser to come in", "")) for sentence in told)
    assert ("A member of rds_superuser still gets in" in told[0]) is (name == "rds_superuser")


def test_a_service_is_known_by_the_name_of_its_host_before_anybody_is_in() -> None:
    door = "web@shop.abc123.eu-west-1.rds.amazonaws.com:5432/shop"
    told = advice([refused("FATAL: sorry, too many clients already", RefusedBy.SERVER, door=door)], "web")
    assert any("Amazon RDS" in sentence for sentence in told)
    assert not any("ALTER SYSTEM" in sentence for sentence in told)
