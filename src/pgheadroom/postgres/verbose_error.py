"""The SQLSTATE of a refusal that comes only after the login: one more attempt, with libpq's errors made verbose.

A startup packet without a password sees no further than the question for one. libpq can log in, and can tell the
SQLSTATE, but psycopg has no way to ask it to. So its function is called by name, from the library that psycopg itself
has loaded. Source: the manual's chapter on libpq, "Control Functions", PQsetErrorVerbosity.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import psycopg
from psycopg.abc import PQGenConn
from psycopg.pq import PGconn as Line
from psycopg.pq import PollingStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait, wait_conn_async

from pgheadroom.postgres.conninfo import compose
from pgheadroom.postgres.startup_packet import Address, ServerError

_VERBOSE = 2
_STATE = re.compile(r":  (?P<state>[0-9A-Z]{5}): (?P<message>.*)")
_PLACE = re.compile(r"^\S+:\s+(?P<routine>\w+), (?P<file>\w+\.c):\d+$", re.MULTILINE)


async def verbose_error(given: Mapping[str, Any], address: Address, deadline: float = 2.0) -> ServerError | None:
    """The error with which the server refuses who logs in with these parameters.

    Args:
        address: Where to, as libpq worked it out: no name is looked up again.

    Returns:
        None when we were let in (and have left again), when nothing readable came in time, or where this libpq cannot
        be asked.
    """
    pgconn = Line.connect_start(compose({**given, **_there(given, address)}).encode())
    try:
        if not _make_verbose(pgconn):
            return None
        async with asyncio.timeout(deadline):
            await wait_conn_async(_connecting(pgconn), interval=0.1)
        return read(pgconn.error_message.decode("utf-8", "replace"))
    except (psycopg.Error, OSError, TimeoutError):
        return None
    finally:
        pgconn.finish()


def _there(given: Mapping[str, Any], address: Address) -> dict[str, Any]:
    """The one place to go to. The name stays beside the address where it is one: a certificate may have to bear it."""
    where: dict[str, Any] = {"host": address.host, "port": address.port}
    name = str(given.get("host", ""))
    is_name = name != "" and "," not in name and not name.startswith("/")
    return {**where, "host": name, "hostaddr": address.host} if is_name else where


def read(text: str) -> ServerError | None:
    """libpq's verbose text. With `sslmode=prefer` it can hold two refusals: the last one counts."""
    states, places = list(_STATE.finditer(text)), list(_PLACE.finditer(text))
    if not states:
        return None
    routine, file = places[-1].groups() if places else ("", "")
    return ServerError(states[-1]["state"], states[-1]["message"].strip(), routine, file)


def _connecting(pgconn: PGconn) -> PQGenConn[None]:
    while (status := pgconn.connect_poll()) not in (PollingStatus.OK, PollingStatus.FAILED):
        yield pgconn.socket, Wait.R if status == PollingStatus.READING else Wait.W


def _make_verbose(pgconn: PGconn) -> bool:
    function = _verbosity_of(type(pgconn).__module__)
    if function is None:
        return False
    function(pgconn.pgconn_ptr, _VERBOSE)  # type: ignore[attr-defined]  # psycopg.pq's own classes have it
    return True


@cache
def _verbosity_of(module: str) -> Any:
    """PQsetErrorVerbosity of the libpq that psycopg's module is linked with; None where it is linked with none."""
    import ctypes  # here: hardly any run needs it

    try:
        function = ctypes.CDLL(sys.modules[module].__file__).PQsetErrorVerbosity
    except (OSError, AttributeError, KeyError):
        return None
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int], ctypes.c_int
    return function
