"""Names of applications that differ from process to process, as one name; and the host that a pooler adds to them.

Per-process names (`sidekiq 12`, `worker-7f9c`) would make two hundred groups of one application's two hundred sessions.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from pgheadroom.model.session import LOCAL, Session

_WITH_HOST = re.compile(
    r"(?P<name>.*) - (?:(?P<unix>unix(?:\([^()]*\))?)|\[?(?P<host>[0-9a-fA-F.:]+?)\]?):\d+", re.DOTALL
)
_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_POD = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$")
"""As Kubernetes ends the name of a pod of a deployment."""
_TOKEN = re.compile(r"[^\W_]+")
_HASH = re.compile(r"(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{4,}")
_VERSION = re.compile(r"[vV]\d+")
_LAST_DIGITS = re.compile(r"\d+$")
_NUMBERS = re.compile(r"\*(?:[.-]\*)+")


class _Told(NamedTuple):
    """What a name says: the application's own, and the host that a pooler added; None where it did not."""

    name: str
    host: str | None


@lru_cache(maxsize=16_384)
def family(name: str) -> str:
    """The name without the host that a pooler added, numbers and hashes as `*`: `sidekiq *` for `sidekiq 12`."""
    told = _POD.sub("-*", _UUID.sub("*", _told(name).name))
    return _NUMBERS.sub("*", _TOKEN.sub(_without_number, told))


def real_client(client: str | None, application: str) -> str | None:
    """Where the application runs: as a pooler says in its name, or else the session's own client."""
    return (_told(application).host if " - " in application else None) or client


def real_client_of(session: Session) -> str | None:
    return real_client(session.client, session.application)


@lru_cache(maxsize=16_384)
def _told(name: str) -> _Told:
    """PgBouncer with `application_name_add_host = 1` sends `name - host:port`, `unix` for a client on a socket."""
    found = _WITH_HOST.fullmatch(name)
    if found is None:
        return _Told(name, None)
    if found["unix"]:
        return _Told(found["name"], LOCAL)
    try:
        return _Told(found["name"], str(ip_address(found["host"])))
    except ValueError:
        return _Told(name, None)


def _without_number(token: re.Match[str]) -> str:
    word = token[0]
    if _HASH.fullmatch(word):
        return "*"
    return word if _VERSION.fullmatch(word) else _LAST_DIGITS.sub("*", word)
