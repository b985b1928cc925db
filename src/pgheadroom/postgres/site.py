"""Which server it is, and whether it takes changes: what every change begins with."""

from typing import NamedTuple

from pgheadroom.postgres.exchange import Answer, Question, Transaction, Unanswered
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.sampling import Probe
from pgheadroom.words.text import safe


class Site(NamedTuple):
    """Attributes as of `model.hold.HoldSite`."""

    server: str
    in_recovery: bool
    primary: str


def site_questions(patience: str) -> list[Transaction]:
    """Two; `patience` is how long each may wait for a lock."""
    names = ("identity", "server_identity"), ("site", "hold_site")
    return [Transaction([Question(part, query(name, 0))], patience) for part, name in names]


def site_of(probe: Probe, who: Answer, place: Answer) -> Site:
    """From the answers. Where the server does not tell what it is, how it is called has to do."""
    return Site(
        server=probe.called if isinstance(who, Unanswered) else str(who[0][0]),
        in_recovery=not isinstance(place, Unanswered) and bool(place[0][0]),
        primary=_address(place),
    )


def _address(answer: Answer) -> str:
    if isinstance(answer, Unanswered) or answer[0][1] is None:
        return ""
    _, host, port = answer[0]
    return safe(f"{read_text(bytes(host))}:{port}")
