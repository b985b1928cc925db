"""What is wrong, said so that a tired person understands it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who only connects loads none of it
    from pgheadroom.model.action import Verb
    from pgheadroom.model.bouncer_command import BouncerCommand
    from pgheadroom.model.session import SessionId
    from pgheadroom.model.snapshot import PreparedTransaction


class Severity(StrEnum):
    """The most urgent first."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a key press opens: the preview of a signal, the sessions to look at, or the question before a command or
    the end of a prepared transaction. Nothing is done by it alone.

    Attributes:
        verb: For the preview; None opens the list of sessions.
        filter: In the language of `rules.filters`, ready to be parsed. Not made safe: it has to match.
        label: A few words for the key, safe to show.
        poolers: The filter is meant for a pooler's server connections, which a preview spares unless asked.
        command: What its question is about, to the PgBouncer named `bouncer`; None where no command is meant.
        prepared: What its question is about, to be rolled back; None where none is meant.
    """

    verb: Verb | None
    filter: str
    label: str
    poolers: bool = False
    command: BouncerCommand | None = None
    bouncer: str = ""
    prepared: PreparedTransaction | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. Its texts are safe to show, except where `Proposal` says otherwise.

    Attributes:
        key: The same as long as it is the same trouble: `server-slots`, `role-limit:web`, `lock-pile-up:4711`.
        sentence: One line.
        evidence: The numbers behind it, one a line.
        remedy: What to do now and what to do for good, in one or two sentences.
        sessions: Those it is about, the worst first; empty where it is about none.
        proposal: The remedy that helps now, ready for a key; None where no session is to be looked at.
        lasting: What keeps it from coming back.
        sql: That, or what to do now, as one statement to copy, where it is one; whole, whatever the names in it.
        caution: What the statement does besides, and where it has to be run.
        proof: What would show that the remedy worked.
        slots: Slots that it costs; 0 where it costs none, or where that is not known.
        explains: The family of the finding that it brings about, at least by half: why the server is full, or a limit
            reached. Empty where it brings about none.
        refuses: Somebody is refused a connection now.
        clearing: The newest sample did not show it any more: its words are those of the last one that did.
        since: When it was first seen, by the server's clock; None in a single sample.
    """

    key: str
    severity: Severity
    sentence: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    sessions: tuple[SessionId, ...] = ()
    proposal: Proposal | None = None
    lasting: str = ""
    sql: str = ""
    caution: str = ""
    proof: str = ""
    slots: int = 0
    explains: str = ""
    refuses: bool = False
    clearing: bool = False
    since: datetime | None = None

    @property
    def family(self) -> str:
        """The kind of trouble: the key up to its first colon."""
        return self.key.partition(":")[0]
