"""Everything about one session: what a sample of all sessions has no room for."""

from dataclasses import dataclass

from pgheadroom.model.session import Session


@dataclass(frozen=True, slots=True)
class Lock:
    """A row of `pg_locks` of one process.

    Attributes:
        target: What is locked in words, as in `LockRequest`.
        mode: For instance `RowExclusiveLock`.
        granted: Held, or still waited for.
    """

    locktype: str
    mode: str
    target: str
    granted: bool
    fastpath: bool


@dataclass(frozen=True, slots=True)
class LoginSetting:
    """A timeout that applies to a session at its login. Another session's own `SET` cannot be seen by anybody.

    Attributes:
        value: With its unit, as PostgreSQL writes it; `0` is off.
        source: `role web`, `database shop`, `role web in database shop` or `server`.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """One session, looked at closely.

    Attributes:
        session: Its row now, with the whole query as far as `track_activity_query_size` keeps it.
        hostname: Of the client, where the server resolves it (`log_hostname`); else empty.
        tls: Version and cipher, for instance `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty without TLS or when not visible.
        locks: Held and wanted, at most `LOCKS_SHOWN` of them, wanted ones first.
        lock_count: How many there are.
        wait_meaning: The server's description of its wait event (17+); else empty.
        login_settings: The timeouts of its role, database and server.
    """

    session: Session
    hostname: str
    tls: str
    locks: tuple[Lock, ...]
    lock_count: int
    wait_meaning: str
    login_settings: tuple[LoginSetting, ...]


LOCKS_SHOWN = 200
