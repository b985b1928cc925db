"""Functions of libpq that psycopg does not offer, or keeps Python's lock (the GIL) during.

They are called by name, from the library that psycopg itself has loaded: psycopg's C module is linked with it.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from psycopg import pq
from psycopg.pq import PGconn
from psycopg.pq.abc import PGconn as AnyPGconn

from pgheadroom.postgres.conninfo import compose

_VERBOSE = 2
_INVALID = "which libpq has"


def version() -> int:
    """Of libpq, for instance 180006."""
    return pq.version()


def described() -> str:
    """The version in words, and which of psycopg's builds found or brought it: `18.6 (binary)`."""
    return f"{pq.version_pretty(pq.version())} ({pq.__impl__})"


def poll(pgconn: AnyPGconn) -> int:
    """PQconnectPoll, during which other threads run.

    psycopg's own keeps the lock, and it can take for ever: a server may ask for 2^31 rounds of SCRAM's hash.
    """
    function = _function(type(pgconn).__module__, "PQconnectPoll", 1)
    if function is None:
        return pgconn.connect_poll()
    return int(function(pgconn.pgconn_ptr))  # type: ignore[attr-defined]  # psycopg.pq's own classes have it


def make_verbose(pgconn: AnyPGconn) -> bool:
    """Errors with their SQLSTATE and place from now on. Whether this libpq can be asked for it.

    Source: the manual's chapter on libpq, "Control Functions", PQsetErrorVerbosity.
    """
    function = _function(type(pgconn).__module__, "PQsetErrorVerbosity", 2)
    if function is None:
        return False
    function(pgconn.pgconn_ptr, _VERBOSE)  # type: ignore[attr-defined]
    return True


def understood(given: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as libpq reads them, with those of the environment and the service file; nothing is connected.

    libpq fills them in before it looks at one that cannot be, and gives up there: no name is looked up, and no
    password file is read. What it cannot read at all is left to the attempt itself to say.
    """
    asked = {**given, "password": "unused", "ssl_min_protocol_version": _INVALID}
    pgconn = PGconn.connect_start(compose(asked).encode())
    try:
        options = {option.keyword.decode(): option.val.decode() for option in pgconn.info if option.val is not None}
    finally:
        pgconn.finish()
    return {name: value for name, value in options.items() if name not in ("password", "ssl_min_protocol_version")}


@cache
def _function(module: str, name: str, arguments: int) -> Callable[..., int] | None:
    """A function whose first argument is a connection; None where psycopg's module is linked with no libpq."""
    import ctypes  # here: a run that connects to nothing does without

    try:
        function = getattr(ctypes.CDLL(sys.modules[module].__file__), name)
    except (OSError, AttributeError, KeyError):
        return None
    function.argtypes = [ctypes.c_void_p, *[ctypes.c_int] * (arguments - 1)]
    function.restype = ctypes.c_int
    found: Callable[..., int] = function
    return found
