"""What became of the slots after a terminate: free, or taken again."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pgheadroom.model.application import family
from pgheadroom.model.session import Session, SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.chain import chains
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped

_MUCH = 0.5
"""From this share of the freed slots on, sessions that come back are the news, and the application is the cure."""


@dataclass(frozen=True, slots=True)
class Retaker:
    """New sessions of one user and application."""

    user: str | None
    application: str
    count: int

    @property
    def name(self) -> str:
        """The application, or the user where it gave none; safe to show."""
        return clipped(self.application or self.user or "?")


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What became of the sessions that were signalled, and of their slots.

    Attributes:
        freed: Signalled and gone.
        retaken: New sessions since then by the users and applications of those that are gone.
        reopened: New server connections of a PgBouncer that we watch: it opens again what it lost, as it should.
        seconds: From one sample to the other.
        over: Whether there was time enough to come back.
    """

    freed: int
    still_there: tuple[SessionId, ...]
    retaken: tuple[Retaker, ...]
    seconds: float
    reopened: int = 0
    over: bool = True

    @property
    def retaken_count(self) -> int:
        return sum(retaker.count for retaker in self.retaken)

    @property
    def sentence(self) -> str:
        """One line: what came of it, and what to do when the slots were taken again."""
        parts = [f"{self.freed} freed"]
        if self.still_there:
            parts.append(f"{len(self.still_there)} still there")
        if self.retaken:
            others = len(self.retaken) - 1
            more = f" and {others} more" if others else ""
            parts.append(
                f"{self.retaken_count} retaken by {self.retaken[0].name}{more} in {duration(max(1.0, self.seconds))}"
            )
        elif self.freed:
            # A server's clock that was set back tells no time.
            watched = f" in {duration(self.seconds)}" if self.seconds >= 1 else ""
            parts.append(f"none retaken{watched}" if self.over else "none retaken yet")
        if self.reopened:
            parts.append(f"{self.reopened} opened anew by PgBouncer")
        advice = ": fix or stop the application, or limit the role" if self._mostly_retaken else ""
        return ", ".join(parts) + advice

    @property
    def _mostly_retaken(self) -> bool:
        return self.freed > 0 and self.retaken_count >= _MUCH * self.freed


def reclaimed(before: Snapshot, signalled: Iterable[SessionId], now: Snapshot, *, over: bool = True) -> Reclaimed:
    """Compare the newest sample before a signal with one after it."""
    ids = frozenset(signalled)
    present = {session.id for session in now.sessions}
    gone = [session for session in before.sessions if session.id in ids and session.id not in present]
    known = {session.id for session in before.sessions}
    new = [one for one in now.sessions if one.backend_start is not None and one.id not in known]
    theirs = {_hog(session) for session in gone}
    pooled = chains(now).pids
    back = [session for session in new if _hog(session) in theirs]
    retaken = Counter(_hog(session) for session in back if session.pid not in pooled)
    return Reclaimed(
        freed=len(ids - present),
        still_there=tuple(sorted(ids & present)),
        retaken=tuple(Retaker(user, application, count) for (user, application), count in retaken.most_common()),
        reopened=sum(session.pid in pooled for session in back),
        over=over,
        seconds=max(0.0, (now.taken_at - before.taken_at).total_seconds()),
    )


def _hog(session: Session) -> tuple[str | None, str]:
    return session.user, family(session.application)
