"""What is wrong, said so that a tired person understands it."""

from dataclasses import dataclass
from enum import StrEnum

from pgheadroom.model.session import SessionId


class Severity(StrEnum):
    """The most urgent first."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. Its texts are safe to show.

    Attributes:
        key: The same as long as it is the same trouble: `server-full`, `role-limit:web`, `lock-pile-up:4711`.
        sentence: One line.
        evidence: The numbers behind it, one a line.
        remedy: What to do now, then what to do for good.
        sessions: Those it is about, the worst first; empty where it is about none.
    """

    key: str
    severity: Severity
    sentence: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    sessions: tuple[SessionId, ...] = ()
