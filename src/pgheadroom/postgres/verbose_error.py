"""The SQLSTATE of a refusal that comes only after the login: one more attempt, with libpq's errors made verbose.

A startup packet without a password sees no further than the question for one. libpq can log in, and can tell the
SQLSTATE, but psycopg has no way to ask it to.
"""

import re
from collections.abc import Mapping
from typing import Any

import psycopg

from pgheadroom.postgres.attempt import Attempt
from pgheadroom.postgres.connecting import connected
from pgheadroom.postgres.startup_packet import Address, ServerError

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
    try:
        pgconn = await connected(Attempt({**given, **_there(given, address)}, verbose=True), deadline)
    except (psycopg.Error, TimeoutError) as error:
        return read(str(error))
    pgconn.finish()
    return None


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
