"""Asking an agent over HTTP: what `check` needs when it takes no slot of its own."""

import http.client
import json
import netrc
import os
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from pgheadroom.deadline import NoAnswer
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.wire.sample import Json

_MOST = 16_000_000
"""Bytes of an answer: more is no agent's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent listens.

    Attributes:
        encrypted: TLS; who answers is held against the authorities of the system, or of SSL_CERT_FILE.
        path: In front of its own, where another server stands before it.
    """

    host: str
    port: int
    encrypted: bool = False
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.encrypted else 'http'}://{host}:{self.port}{self.path}"


def place_of_agent(text: str) -> Place:
    """`127.0.0.1:9899` or a URL.

    Raises:
        ValueError: It is none, or has a password.
    """
    url = urlsplit(text if "://" in text else f"http://{text}")
    if "@" in url.netloc:
        raise ValueError("a password is no argument: give name and password in ~/.netrc")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError(f"'{text}' is not HOST:PORT nor a URL, for instance http://127.0.0.1:9899")
    return Place(url.hostname, url.port or 9899, url.scheme == "https", url.path.rstrip("/"))


def ask(place: Place, metrics: Iterable[str], patience: float) -> Json:
    """The agent's verdicts, see `agent.verdicts`. Over after `patience` seconds, whatever the agent does.

    Raises:
        NoAnswer: Nothing came in time.
        PgHeadroomError: It is not reached, or it refuses us.
    """
    found: list[Json | PgHeadroomError] = []

    def work() -> None:
        try:
            found.append(_asked(place, metrics, patience))
        except PgHeadroomError as error:
            found.append(error)

    # In a thread that nothing waits for: a timeout of the socket ends only one silence, not an answer that drips.
    asking = threading.Thread(target=work, name="ask the agent", daemon=True)
    asking.start()
    asking.join(patience)
    if not found:
        raise _no_answer(place, patience)
    if isinstance(found[0], PgHeadroomError):
        raise found[0]
    return found[0]


def _asked(place: Place, metrics: Iterable[str], patience: float) -> Json:
    query = "&".join(f"metric={quote(metric)}" for metric in metrics)
    line = _line(place, patience)
    try:
        line.request("GET", f"{place.path}/check" + (f"?{query}" if query else ""), headers=_who_we_are(place))
        answer = line.getresponse()
        if answer.status != http.client.OK:
            raise PgHeadroomError(f"the agent at {place} answers {answer.status}{_HELP.get(answer.status, '')}")
        told = json.loads(answer.read(_MOST))
    except TimeoutError:
        raise _no_answer(place, patience) from None
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PgHeadroomError(f"the agent at {place} is not reached: {why}") from None
    except ValueError:
        raise PgHeadroomError(f"what answers at {place} is no agent") from None
    finally:
        line.close()
    if not isinstance(told, dict):
        raise PgHeadroomError(f"what answers at {place} is no agent")
    return told


def _no_answer(place: Place, patience: float) -> NoAnswer:
    return NoAnswer(f"the agent at {place} gives no answer within {patience:g} s", asked=True)


_HELP = {
    http.client.UNAUTHORIZED: ": it wants a name and a password, from ~/.netrc",
    http.client.NOT_FOUND: ": it is older, or no agent",
}


def _line(place: Place, patience: float) -> http.client.HTTPConnection:
    if not place.encrypted:
        return http.client.HTTPConnection(place.host, place.port, timeout=patience)
    return http.client.HTTPSConnection(place.host, place.port, timeout=patience, context=ssl.create_default_context())


def _who_we_are(place: Place) -> dict[str, str]:
    """Basic auth by the password file that curl and others read: `machine HOST login NAME password PASSWORD`.

    Raises:
        UsageError: The file cannot be read; without what is in it.
    """
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError(f"{path}: others may read it (chmod 600)")
        known = netrc.netrc(str(path)).authenticators(place.host)
    except FileNotFoundError:
        return {}
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        raise UsageError(f"{path}: it cannot be read, or is no netrc file") from None
    if known is None:
        return {}
    return {"Authorization": "Basic " + b64encode(f"{known[0]}:{known[2]}".encode()).decode()}
