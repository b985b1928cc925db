"""What a server answers to a startup packet, on real servers and on one that plays its part."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.refusal import RefusedBy
from pgheadroom.postgres.refusal import limit_of_error
from pgheadroom.postgres.startup_packet import Address, ServerError, first_error
from servers import Roles, Sessions

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def address(server: Cluster, user: str = "postgres", database: str = "postgres", *, socket: bool = False) -> Address:
    return Address(str(server.folder) if socket else "127.0.0.1", server.port, user, database)


async def limit(where: Address) -> tuple[RefusedBy, str]:
    error = await first_error(where)
    assert error is not None
    assert error.sqlstate == "53300"
    return limit_of_error(error)


async def test_the_limits_of_a_role_and_a_database(server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    role("web")
    role.superuser.execute("CREATE DATABASE small CONNECTION LIMIT 0")
    try:
        assert await limit(address(server, "narrow")) == (RefusedBy.ROLE, "narrow")
        assert await limit(address(server, "web", "small")) == (RefusedBy.DATABASE, "small")
        assert await first_error(address(server, "web")) is None
    finally:
        role.superuser.execute("DROP DATABASE small")


async def test_the_reserves_and_the_full_server(server: Cluster, role: Roles, sessions: Sessions) -> None:
    role("web")
    crowd = sessions.fill("web")
    expected = RefusedBy.RESERVE if server.major >= 16 else RefusedBy.SUPERUSER_RESERVE
    assert await limit(address(server, "web")) == (expected, "")
    if server.major >= 16:
        role("helper", member_of=["pg_use_reserved_connections"])
        sessions.fill("helper")
        assert await limit(address(server, "web")) == (RefusedBy.SUPERUSER_RESERVE, "")
    sessions.fill("postgres")
    for way in (address(server, "web"), address(server, "nobody", socket=True)):
        assert await limit(way) == (RefusedBy.SERVER, "")
    assert crowd


async def test_processes_that_never_log_in_are_told_from_sessions(
    new_cluster: Callable[..., Cluster],
) -> None:
    few = {"max_connections": 6, "max_wal_senders": 1, "autovacuum_max_workers": 1, "max_worker_processes": 1}
    for major in (15, 16, 18):
        cluster = new_cluster(major, few)
        silent = [await asyncio.open_connection("127.0.0.1", cluster.port) for _ in range(40)]
        await asyncio.sleep(0.5)  # until the postmaster has started a process for each
        error = await first_error(address(cluster))
        assert error is not None
        assert limit_of_error(error) == (RefusedBy.PROCESSES, "")
        for _, writer in silent:
            writer.close()


# --- a server that plays its part ------------------------------------------------------------------------------------


def error_response(**fields: str) -> bytes:
    body = b"".join(name.encode() + text.encode() + b"\x00" for name, text in fields.items()) + b"\x00"
    return b"E" + struct.pack("!i", 4 + len(body)) + body


@asynccontextmanager
async def playing(handler: Handler) -> AsyncIterator[Address]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1], "web", "shop", sslmode="disable")


async def startup(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    return await reader.readexactly(length - 4)


async def test_what_is_sent_and_how_the_answer_is_read() -> None:
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await startup(reader))
        writer.write(error_response(S="ВАЖНО", C="53300", M="мест нет", F="proc.c", R="InitProcess"))

    async with playing(refuse) as where:
        error = await first_error(where)
    assert error == ServerError("53300", "мест нет", "InitProcess", "proc.c")
    assert heard == [b"\x00\x03\x00\x00user\x00web\x00database\x00shop\x00application_name\x00pgheadroom\x00\x00"]


async def test_when_a_password_is_asked_for_we_leave() -> None:
    after: list[bytes] = []

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await startup(reader)
        writer.write(b"R" + struct.pack("!ii", 8, 3))
        after.append(await reader.read())

    async with playing(ask) as where:
        assert await first_error(where) is None
        await asyncio.sleep(0.05)
    assert after == [b"X\x00\x00\x00\x04"]


@pytest.mark.parametrize(
    "answer",
    [b"", b"E", b"Ecould not fork new process for connection: no memory\n\x00", b"E\x00\x00\x00\x02", b"?" * 9],
)
async def test_what_cannot_be_read_is_no_answer(answer: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await startup(reader)
        writer.write(answer)

    async with playing(babble) as where:
        assert await first_error(where) is None


async def test_silence_ends_at_the_deadline() -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with playing(wait) as where:
        began = asyncio.get_running_loop().time()
        assert await first_error(where, deadline=0.2) is None
        assert asyncio.get_running_loop().time() - began < 1.0


async def test_nobody_listens() -> None:
    assert await first_error(Address("127.0.0.1", 1, "web", "shop")) is None
    assert await first_error(Address("/nowhere", 5432, "web", "shop")) is None


@pytest.mark.parametrize(("sslmode", "answered"), [("prefer", True), ("require", False), ("verify-full", False)])
async def test_without_tls_only_who_does_not_insist_goes_on(sslmode: str, answered: bool) -> None:
    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == struct.pack("!ii", 8, 80877103)
        writer.write(b"N")
        if await reader.read(4):
            writer.write(error_response(C="53300", M="full", R="InitProcess"))

    async with playing(no_tls) as where:
        error = await first_error(Address(where.host, where.port, "web", "shop", sslmode))
    assert (error is not None) == answered


async def test_over_tls(new_cluster: Callable[..., Cluster]) -> None:
    # The other versions may have been built without TLS; this one comes from a distribution.
    cluster = new_cluster(15, start=False)
    cluster.ground.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=db1"),
            *("-keyout", str(cluster.data / "server.key"), "-out", str(cluster.data / "server.crt")),
        ]
    )
    cluster.configure({"ssl": "on"})
    cluster.start()
    error = await first_error(Address("127.0.0.1", cluster.port, "nobody", "postgres", "require"))
    assert error is not None
    assert (error.sqlstate, error.routine) == ("28000", "InitializeSessionUserId")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServerError("53300", "мест нет", "InitProcess"), (RefusedBy.SERVER, "")),
        (ServerError("53300", "место для главных", "InitPostgres"), (RefusedBy.SUPERUSER_RESERVE, "")),
        (ServerError("53300", "nur für pg_use_reserved_connections", "InitPostgres"), (RefusedBy.RESERVE, "")),
        (ServerError("53300", "wypełniona", "CheckMyDatabase"), (RefusedBy.DATABASE, "")),
        (ServerError("53300", "wypełniona", "InitializeSessionUserId"), (RefusedBy.ROLE, "")),
        (ServerError("53300", "wypełniona", "BackendInitialize"), (RefusedBy.PROCESSES, "")),
        (ServerError("53300", "wypełniona", "SomethingNew"), (RefusedBy.UNCLEAR, "")),
        (ServerError("53300", "no more connections allowed (max_client_conn)"), (RefusedBy.POOLER, "")),
        (ServerError("28P01", 'password authentication failed for user "web"', "auth_failed"), (RefusedBy.OTHER, "")),
    ],
)
def test_the_limit_from_the_fields(error: ServerError, expected: tuple[RefusedBy, str]) -> None:
    assert limit_of_error(error) == expected
