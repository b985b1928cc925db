"""One session looked at closely."""

from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.session import Session


@dataclass(frozen=True, slots=True)
class Lock:
    """A row of `pg_locks` of the session.

    Attributes:
        target: What it is on, in words.
        since: When the wait began (14+); None for a lock that is held.
        fastpath: Taken without the shared lock table: a weak lock that conflicts with no other of its kind.
    """

    locktype: str
    mode: str
    granted: bool
    target: str
    fastpath: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoginSetting:
    """A setting that applied when the session logged in. What it set for itself since then cannot be seen.

    Attributes:
        value: In words: `off`, `30 s`.
        source: `server`, `database shop`, `role web`, `role web in database shop`, or `all roles`.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """What can be known about one session.

    Attributes:
        taken_at: The server's clock.
        session: As in a snapshot.
        query: The whole text, as far as the server keeps it (`track_activity_query_size`).
        client_host: The client's name; only with `log_hostname`.
        encryption: For instance `TLSv1.3, TLS_AES_256_GCM_SHA384`; empty without encryption, None when hidden.
        locks: Those it waits for first.
        lock_count: All of them; more than `locks` holds when the list was cut.
        wait_meaning: The server's description of the wait event (17+), else empty.
        login_settings: The timeouts that applied at its login.
        gaps: What could not be read, in words.
    """

    taken_at: datetime
    session: Session
    query: str
    client_host: str | None
    encryption: str | None
    locks: tuple[Lock, ...] = ()
    lock_count: int = 0
    wait_meaning: str = ""
    login_settings: tuple[LoginSetting, ...] = ()
    gaps: tuple[str, ...] = ()
