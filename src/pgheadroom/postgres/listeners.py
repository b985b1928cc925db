"""Who listens on a TCP port of this machine, and on a Unix socket: nobody else must be taken for the server."""

import os
import pwd
import socket
import stat
import sys
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"
"""The state TCP_LISTEN in /proc/net/tcp. Source: include/net/tcp_states.h of Linux; the table's form in proc(5)."""
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_SERVERS_OWN = ("root", "postgres")


def users_on_port(host: str, port: int, tables: Iterable[str] | None = None) -> set[int]:
    """The uids of those who listen where a connection to this address of this machine leads.

    A socket that is bound to the address itself wins over one that is bound to all addresses.

    Args:
        tables: The texts of /proc/net/tcp and tcp6; by default they are read, where there are any.
    """
    rows = list(_listening(port, _read_tables() if tables is None else tables))
    wanted = {host} if host != "localhost" else {"127.0.0.1", "::1"}
    own = {uid for address, uid in rows if address in wanted}
    return own or {uid for address, uid in rows if address in ("0.0.0.0", "::")}  # noqa: S104 - who listens on all


def _listening(port: int, tables: Iterable[str]) -> Iterator[tuple[str, int]]:
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            if fields[3] == _LISTENS and int(number, 16) == port:
                yield _readable(address), int(fields[7])


def _readable(address: str) -> str:
    """The kernel prints each 32 bits of an address as a number of this machine's byte order."""
    words = [int(address[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(address), 8)]
    packed = b"".join(words)
    if packed[:12] == _MAPPED:
        packed = packed[12:]
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


_MAPPED = b"\x00" * 10 + b"\xff\xff"
"""How an IPv4 address begins in a table of IPv6."""


def _read_tables() -> list[str]:
    texts = []
    for path in _TABLES:
        with suppress(OSError):
            texts.append(path.read_text())
    return texts


# --- sockets ---------------------------------------------------------------------------------------------------------


class NotTrusted(Exception):  # noqa: N818 - it is what is said
    """Nobody vouches for a socket; the text says why."""


def keeper(folder: str, port: int, on_port: Set[int]) -> str:
    """The user who must be at the other end of a Unix socket, so that the server of a TCP port is there.

    Args:
        on_port: Who listens on that port, as far as it is known. Nobody: whom PostgreSQL's packages run it as, root,
            and ourselves, from whom we have no secrets.

    Raises:
        NotTrusted: Somebody else may have put the socket there.
    """
    if len(on_port) > 1:
        raise NotTrusted(f"several users listen on port {port}")
    path = Path(folder)
    try:
        own, above = (path / f".s.PGSQL.{port}").stat(), path.stat()
    except OSError as error:
        raise NotTrusted(f"the socket in {folder} cannot be looked at: {error.strerror}") from None
    user = _expected(own.st_uid, on_port)
    for owner, what in ((own.st_uid, f"the socket in {folder}"), (above.st_uid, folder)):
        if owner not in (0, user):
            raise NotTrusted(f"{what} belongs to {_name(owner)}, the server runs as {_name(user)}")
    if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
        raise NotTrusted(f"everybody may change {folder}")
    return _name(user)


def _expected(owner: int, on_port: Set[int]) -> int:
    if on_port:
        return next(iter(on_port))
    known = {os.geteuid()}
    for name in _SERVERS_OWN:
        with suppress(KeyError):
            known.add(pwd.getpwnam(name).pw_uid)
    if owner not in known:
        raise NotTrusted(f"the socket belongs to {_name(owner)}, which no server is known to run as")
    return owner


def vouched_owner(folder: str, port: int) -> str:
    """Of a socket that the user named: its owner, where that is root, postgres or ourselves; else empty."""
    try:
        return keeper(folder, port, frozenset())
    except NotTrusted:
        return ""


def _name(uid: int) -> str:
    """libpq compares names: who has none cannot be required.

    Raises:
        NotTrusted: The uid has no name.
    """
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise NotTrusted(f"the user with the number {uid} has no name") from None
