"""Waiting until somebody listens: a port that refuses costs nobody anything, and can be asked very often."""

import errno
import random
import select
import socket
import time
from collections.abc import Iterable, Mapping

from pgheadroom.access.knocking import JITTER

_NOBODY = frozenset({errno.ECONNREFUSED, errno.ENOENT})
_ANSWERS_WITHIN = 0.2
"""Seconds: a port that neither refuses nor accepts is libpq's to find out about."""


def wait_for_listener(
    addresses: Iterable[Mapping[str, str]], seconds: float, every: float, woken: socket.socket
) -> bool:
    """Return as soon as anything but a refusal comes from one of the addresses, or after `seconds`.

    Returns:
        Whether any look was refused.

    Args:
        addresses: `host` (the folder of a Unix socket) or `hostaddr`, and `port`.
        every: Seconds between two looks, varied.
        woken: Ends the waiting when it can be read.
    """
    places = [place for address in addresses if (place := _place(address)) is not None]
    ends = time.monotonic() + seconds
    refused = False
    while places and all(map(_refuses, places)):
        refused = True
        pause = every * random.uniform(*JITTER)  # noqa: S311 - not a secret
        if time.monotonic() + pause > ends or select.select([woken], [], [], pause)[0]:
            break
    return refused


def _place(address: Mapping[str, str]) -> tuple[socket.AddressFamily, object] | None:
    host, port = address.get("hostaddr") or address.get("host", ""), address.get("port") or "5432"
    if host.startswith("/"):
        return socket.AF_UNIX, f"{host}/.s.PGSQL.{port}"
    if not host or not port.isdigit():
        return None
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))


def _refuses(place: tuple[socket.AddressFamily, object]) -> bool:
    family, where = place
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(_ANSWERS_WITHIN)
        try:
            return line.connect_ex(where) in _NOBODY  # type: ignore[arg-type]
        except OSError:
            return False
