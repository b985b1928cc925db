"""Opening the live source of a command when the doors are shut."""

import pytest

from pgheadroom.cli import flags
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from servers import Roles

NO_PASSWORD = flags.parse(["-w"])[1]


async def test_a_server_without_room_is_waited_for_only_by_the_monitor(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    settings = Settings(conninfo=one_server.conninfo("narrow", tcp=True), doors=("user=nobody_of_this_name",))
    with pytest.raises(NoConnection, match='too many connections for role "narrow"'):
        await open_source(settings, NO_PASSWORD)
    source = await open_source(settings, NO_PASSWORD, may_wait=True)
    await source.close()


async def test_any_other_failure_of_the_only_door_ends_the_monitor_too(one_server: Cluster) -> None:
    settings = Settings(conninfo=one_server.conninfo("nobody_of_this_name", tcp=True))
    with pytest.raises(NoConnection, match="does not exist"):
        await open_source(settings, NO_PASSWORD, may_wait=True)


async def test_when_the_first_door_fails_otherwise_another_that_was_given_is_taken(
    one_server: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(conninfo=one_server.conninfo("nobody_of_this_name"), doors=("user=postgres",))
    source = await open_source(settings, NO_PASSWORD)
    await source.close()
    assert 'role "nobody_of_this_name" does not exist' in source.detour
    assert source.detour in capsys.readouterr().err
