"""What is given to libpq: the user's connection parameters with ours, how long they allow, and where they lead."""

import os
from collections.abc import Mapping
from typing import Any

from pgheadroom.conninfo import at_port
from pgheadroom.errors import UsageError
from pgheadroom.postgres.conninfo import parse
from pgheadroom.postgres.refusal import place_of_socket

APPLICATION_NAME = "pgheadroom"
CONNECT_TIMEOUT = 5
_FOR_EVER = 60

# A dead peer is noticed in about ten seconds: the slot it holds for us is worth more than patience.
_UNLESS_GIVEN = {
    "application_name": APPLICATION_NAME,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}


def parameters(conninfo: str, password: str | None = None) -> dict[str, Any]:
    """The user's connection parameters with ours, without any that libpq finds elsewhere.

    Raises:
        UsageError: when the conninfo is not understood.
    """
    given: dict[str, Any] = dict(parse(conninfo))
    for name, value in _UNLESS_GIVEN.items():
        given.setdefault(name, value)
    given.setdefault("connect_timeout", os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_TIMEOUT)
    given["client_encoding"] = "SQL_ASCII"
    if password is not None:
        given["password"] = password
    return given


def patience(given: Mapping[str, Any]) -> float:
    """Seconds in which an attempt to connect must end: `connect_timeout` for each address, and a little.

    Raises:
        UsageError: when connect_timeout is not a number.
    """
    hosts = str(given.get("host") or os.environ.get("PGHOST") or "").count(",") + 1
    # A name usually has two addresses.
    return 2.0 * hosts * timeout(given) + 2.0


def timeout(given: Mapping[str, Any]) -> int:
    """The seconds of `connect_timeout`; libpq's 0 means for ever, which nobody who looks at a screen means.

    Raises:
        UsageError: when it is not a number.
    """
    try:
        seconds = int(given["connect_timeout"])
    except ValueError:
        raise UsageError(f"connect_timeout is not a number of seconds: {given['connect_timeout']}") from None
    return seconds if seconds > 0 else _FOR_EVER


def place(given: Mapping[str, Any]) -> str:
    """Where the parameters lead, without secrets; for messages before there is a connection."""
    host = str(given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "")
    port = str(given.get("port") or os.environ.get("PGPORT") or "5432")
    service = given.get("service") or os.environ.get("PGSERVICE")
    if not host and service:
        return f'the service "{service}"'
    if not host:
        return "the local socket" if port == "5432" else f"the local socket, port {port}"
    if host.startswith("/"):
        return place_of_socket(host, port)
    return at_port(host, port)
