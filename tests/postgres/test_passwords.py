"""Whom a password is told: nobody whom the user did not name, and nobody in clear text where others could read it."""

import os
import pwd
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from listeners import CLEAR_TEXT, SASL, authentication, on_port, on_socket
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from pgheadroom.model import versions
from pgheadroom.postgres import doors as doors_module
from pgheadroom.postgres import libpq
from pgheadroom.postgres.door import open_door
from pgheadroom.postgres.doors import Doors, NoDoor, socket_doors
from pgheadroom.postgres.listeners import NotTrusted, keeper, users_on_port, vouched_owner
from pgheadroom.postgres.parameters import parameters
from pgheadroom.postgres.startup_packet import Address
from pgheadroom.postgres.verbose_error import verbose_error
from servers import Roles, restart

SECRET = "open sesame"


@pytest.fixture(params=[None, 150_018], ids=["libpq of this day", "libpq without require_auth"])
def every_libpq(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param is not None:
        monkeypatch.setattr(libpq, "version", lambda: request.param)


@pytest.fixture(autouse=True)
def password_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One password for everybody, as in many homes."""
    path = tmp_path / "passwords"
    path.write_text(f"*:*:*:*:{SECRET}\n")
    path.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(mode=0o755)
    return path


# --- doors that the user named ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("every_libpq")
@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
@pytest.mark.parametrize("asks", [(CLEAR_TEXT,), (SASL, CLEAR_TEXT)], ids=["at once", "after a proof"])
async def test_no_password_in_clear_text_over_a_line_that_can_be_read(mode: str, asks: tuple[bytes, ...]) -> None:
    async with on_port(*asks) as (thief, port):
        with pytest.raises(NoConnection) as refused:
            await open_door(f"host=127.0.0.1 port={port} user=web dbname=shop sslmode={mode}")
        await verbose_error(parameters(f"sslmode={mode}"), Address("127.0.0.1", port, "web", "shop", sslmode=mode))
    assert thief.visitors
    assert SECRET.encode() not in b"".join(thief.passwords)
    assert not refused.value.password_needed
    assert "it asks for the password in clear text, and the line is not encrypted" in str(refused.value)


@pytest.mark.parametrize("words", ["password", "password,scram-sha-256"])
async def test_who_says_so_has_it_sent(words: str) -> None:
    async with on_port(CLEAR_TEXT) as (thief, port):
        with pytest.raises(NoConnection):
            await open_door(f"host=127.0.0.1 port={port} user=web dbname=shop require_auth={words}")
    assert thief.passwords == [SECRET.encode() + b"\x00"]


async def test_another_rule_of_the_user_is_kept_and_made_stricter() -> None:
    async with on_port(CLEAR_TEXT) as (thief, port):
        with pytest.raises(NoConnection):
            await open_door(f"host=127.0.0.1 port={port} user=web dbname=shop require_auth=!md5")
    assert thief.passwords == []


@pytest.fixture
def asking_for_clear_text(new_cluster: Callable[..., Cluster]) -> Cluster:
    """As servers do that hand the password on to LDAP, PAM or RADIUS."""
    cluster = new_cluster(15, hba="local all postgres trust\nlocal all all password\nhost all all all password\n")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(cluster.data / "server.key"), "-out", str(cluster.data / "server.crt")]
    subprocess.run([*command, "-days", "2", "-subj", "/CN=localhost", *files], check=True, capture_output=True)
    for name in ("server.key", "server.crt"):
        cluster.ground.give(cluster.data / name)
        (cluster.data / name).chmod(0o600)
    cluster.configure({"ssl": "on"})
    restart(cluster)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE web LOGIN PASSWORD '{SECRET}'".encode())
    return cluster


@pytest.mark.usefixtures("every_libpq")
@pytest.mark.parametrize("mode", ["allow", "prefer", "require"])
async def test_over_tls_a_password_may_be_in_clear_text(asking_for_clear_text: Cluster, mode: str) -> None:
    connection = await open_door(asking_for_clear_text.conninfo("web", tcp=True, sslmode=mode))
    assert connection.pgconn.ssl_in_use
    await connection.close()


@pytest.mark.usefixtures("every_libpq")
async def test_a_proof_may_be_given_without_tls(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(hba="local all all trust\nhost all web all scram-sha-256\nhost all old all md5\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE web LOGIN PASSWORD '{SECRET}'".encode())
        superuser.execute("SET password_encryption = 'md5'")
        superuser.execute(f"CREATE ROLE old LOGIN PASSWORD '{SECRET}'".encode())
    for role in ("web", "old"):
        connection = await open_door(cluster.conninfo(role, tcp=True))
        assert not connection.pgconn.ssl_in_use
        cursor = await connection.execute("SELECT repeat('x', 300000)")
        assert len((await cursor.fetchall())[0][0]) == 300_000
        await connection.close()


@pytest.mark.usefixtures("every_libpq")
async def test_a_named_socket_hears_it_only_from_whom_servers_run_as(
    asking_for_clear_text: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await open_door(asking_for_clear_text.conninfo("web"))
    await connection.close()
    monkeypatch.setattr("pgheadroom.postgres.attempt.vouched_owner", lambda *where: "")
    async with on_socket(folder, 5432, CLEAR_TEXT) as thief:
        with pytest.raises(NoConnection, match="in clear text"):
            await open_door(f"host={folder} port=5432 user=web dbname=shop")
    assert thief.visitors
    assert thief.passwords == []


def test_an_old_libpq_of_the_system_logs_in_and_gives_nothing_away(new_cluster: Callable[..., Cluster]) -> None:
    """psycopg without a library of its own, as distributions pack it."""
    cluster = new_cluster(hba="local all all trust\nhost all web all scram-sha-256\nhost all all all password\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE web LOGIN PASSWORD '{SECRET}'".encode())
        superuser.execute(f"CREATE ROLE clear LOGIN PASSWORD '{SECRET}'".encode())
    script = textwrap.dedent("""
        import asyncio, sys
        import psycopg
        from pgheadroom.errors import NoConnection
        from pgheadroom.postgres.door import open_door
        async def main():
            print(psycopg.pq.version())
            for conninfo in sys.argv[1:]:
                try:
                    connection = await open_door(conninfo)
                except NoConnection as error:
                    print(error)
                else:
                    print((await (await connection.execute("SELECT current_user")).fetchone())[0])
                    await connection.close()
        asyncio.run(main())
    """)
    conninfos = [cluster.conninfo(role, tcp=True) for role in ("web", "clear")]
    environment = {**os.environ, "PSYCOPG_IMPL": "python"}
    command = [sys.executable, "-c", script, *conninfos]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "libpq library not found" in done.stderr:
        pytest.skip("the system has no libpq")
    version, web, clear = done.stdout.splitlines()
    assert done.stderr == ""
    if int(version) >= versions.LIBPQ_REQUIRE_AUTH_SINCE:
        pytest.skip(f"the system's libpq is new: {version}")
    assert web == "b'web'"
    assert "it asks for the password in clear text" in clear


async def test_a_password_file_that_others_may_read_is_complained_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """libpq does it at each attempt, and there is our screen."""
    path = tmp_path / "open to all"
    path.write_text(f"*:*:*:*:{SECRET}\n")
    path.chmod(0o644)
    monkeypatch.setenv("PGPASSFILE", str(path))
    async with on_port(CLEAR_TEXT) as (thief, port):
        for _ in range(3):
            with pytest.raises(NoConnection):
                await open_door(f"host=127.0.0.1 port={port} user=web dbname=shop require_auth=password")
    assert thief.passwords == []
    assert capfd.readouterr().err.count("open to all") == 1


# --- doors that were found -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("every_libpq")
@pytest.mark.parametrize("asks", [CLEAR_TEXT, authentication(5, b"salt"), SASL], ids=["clear", "md5", "SCRAM"])
async def test_a_socket_that_was_found_is_given_nothing(
    one_server: Cluster,
    role: Roles,
    folder: Path,
    asks: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Beside a full server that listens on TCP only, somebody else listens on its usual socket."""
    role("narrow", limit=0)
    me = os.geteuid()
    monkeypatch.setattr(doors_module, "_SOCKET_FOLDERS", (str(folder),))
    monkeypatch.setattr(doors_module, "users_on_port", lambda *where: {me})
    monkeypatch.setenv("PGPASSWORD", SECRET)
    async with on_socket(folder, one_server.port, asks) as thief:
        doors = Doors(one_server.conninfo("narrow", tcp=True))
        with pytest.raises(NoDoor):
            await doors.enter()
    assert thief.visitors
    assert thief.passwords == []
    assert len(doors.refusals) >= 2
    assert capfd.readouterr().err == ""


async def test_a_listener_who_is_not_the_servers_user_is_left_out_with_the_reason(
    one_server: Cluster, role: Roles, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs as another user than the one who listens on the socket: this test's."""
    if os.geteuid() != 0:
        pytest.skip("the server runs as we do")
    role("narrow", limit=0)
    monkeypatch.setattr(doors_module, "_SOCKET_FOLDERS", (str(folder),))
    async with on_socket(folder, one_server.port, CLEAR_TEXT) as thief:
        (folder / f".s.PGSQL.{one_server.port}").chmod(0o777)
        os.chown(folder / f".s.PGSQL.{one_server.port}", 4242, 4242)
        doors = Doors(one_server.conninfo("narrow", tcp=True))
        with pytest.raises(NoDoor) as refused:
            await doors.enter()
        assert thief.visitors == []
        said = refused.value.refusals[-1].message
        assert said.startswith("not tried: ")
        # The file is made to look right: who is at its other end is not.
        os.chown(folder / f".s.PGSQL.{one_server.port}", *pwd.getpwnam(server_user(one_server))[2:4])
        with pytest.raises(NoDoor) as refused:
            await Doors(one_server.conninfo("narrow", tcp=True)).enter()
    assert thief.visitors == []
    assert 'actual peer user name is "root"' in refused.value.refusals[-1].message


def server_user(server: Cluster) -> str:
    return Path(f"/proc/{server.pid}").owner()


async def test_the_servers_own_socket_is_still_a_door(
    new_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = new_cluster()
    monkeypatch.setattr(doors_module, "_SOCKET_FOLDERS", ("/nowhere", str(cluster.folder)))
    (first, *_) = socket_doors(Address("127.0.0.1", cluster.port, "narrow", "postgres"), set())
    assert first.shut_out == ""
    assert f"requirepeer={server_user(cluster)}" in first.conninfo
    assert "require_auth=none" in first.conninfo
    assert users_on_port("127.0.0.1", cluster.port) == {pwd.getpwnam(server_user(cluster)).pw_uid}


# --- who listens -----------------------------------------------------------------------------------------------------

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(address: str, port: int, uid: int, state: str = "0A") -> str:
    return f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid:5} 0 1 1\n"


@pytest.mark.skipif(sys.byteorder != "little", reason="as a little-endian kernel prints it")
def test_the_address_itself_wins_over_all_addresses() -> None:
    loopback, everywhere, mapped = "0100007F", "00000000", "0000000000000000FFFF00000100007F"
    own6, every6 = "00000000000000000000000001000000", "0" * 32
    assert users_on_port("127.0.0.1", 5432, [HEADER + row(loopback, 5432, 5) + row(everywhere, 5432, 6)]) == {5}
    assert users_on_port("127.0.0.1", 5432, [HEADER + row(everywhere, 5432, 6)]) == {6}
    assert users_on_port("127.0.0.1", 5432, [HEADER, HEADER + row(mapped, 5432, 7)]) == {7}
    assert users_on_port("127.0.0.1", 5432, [HEADER, HEADER + row(every6, 5432, 8)]) == {8}
    assert users_on_port("::1", 5432, [HEADER + row(loopback, 5432, 5), HEADER + row(own6, 5432, 9)]) == {9}
    assert users_on_port("localhost", 5432, [HEADER + row(loopback, 5432, 5), HEADER + row(own6, 5432, 9)]) == {5, 9}
    assert users_on_port("127.0.0.1", 5432, [HEADER + row(loopback, 5433, 5) + row(loopback, 5432, 6, "01")]) == set()
    assert users_on_port("127.0.0.1", 5432, []) == set()


def test_whom_a_socket_may_belong_to(folder: Path) -> None:
    me = os.geteuid()
    name = pwd.getpwuid(me).pw_name
    (folder / ".s.PGSQL.5432").touch()
    assert keeper(str(folder), 5432, {me}) == name
    assert keeper(str(folder), 5432, set()) == name
    with pytest.raises(NotTrusted, match="several users listen on port 5432"):
        keeper(str(folder), 5432, {me, me + 1})
    with pytest.raises(NotTrusted, match="cannot be looked at"):
        keeper(str(folder), 5433, {me})
    folder.chmod(0o777)
    with pytest.raises(NotTrusted, match="everybody may change"):
        keeper(str(folder), 5432, {me})
    folder.chmod(0o1777)
    assert keeper(str(folder), 5432, {me}) == name
    assert vouched_owner(str(folder), 5432) == name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_socket_of_somebody_else(folder: Path) -> None:
    (folder / ".s.PGSQL.5432").touch()
    daemon = pwd.getpwnam("daemon").pw_uid
    os.chown(folder / ".s.PGSQL.5432", daemon, -1)
    with pytest.raises(NotTrusted, match="belongs to daemon, which no server is known to run as"):
        keeper(str(folder), 5432, set())
    with pytest.raises(NotTrusted, match="belongs to daemon, the server runs as bin"):
        keeper(str(folder), 5432, {pwd.getpwnam("bin").pw_uid})
    assert keeper(str(folder), 5432, {daemon}) == "daemon"
    assert vouched_owner(str(folder), 5432) == ""
    os.chown(folder, pwd.getpwnam("bin").pw_uid, -1)
    with pytest.raises(NotTrusted, match="belongs to bin, the server runs as daemon"):
        keeper(str(folder), 5432, {daemon})
