"""What our own session sets for itself, whatever the server, the database or the role would have it do.

It goes into the startup packet: what is set for a role can break the very statement that would set it right.
Serializable transactions are refused on a standby, those that are read only and deferrable wait for others, and a
short timeout ends it.
"""

import re

from pgheadroom.model import versions

STATEMENT_TIMEOUT, LOCK_TIMEOUT = "15s", "1s"
"""A server so loaded that a sample takes ten seconds must still give it."""

_SETTINGS = {
    # The server lets go of our slot when our host dies.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # What other roles may have put into schemas must never be called with our rights.
    "search_path": "pg_catalog,pg_temp",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # A part that our role may not read is a gap, not the end of the session.
    "exit_on_error": "off",
    "row_security": "on",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "bytea_output": "hex",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
# Not in the first startup packet: the server's own values, which are shown of other sessions, could not be read then.
# Ours is the one session that must outlive an outage in which idle sessions are thrown out.
_TIMEOUTS_SINCE = {
    versions.TIMEOUTS_SINCE: {
        "statement_timeout": STATEMENT_TIMEOUT,
        "lock_timeout": LOCK_TIMEOUT,
        "idle_in_transaction_session_timeout": "60s",
    },
    versions.IDLE_SESSION_TIMEOUT_SINCE: {"idle_session_timeout": "0"},
    versions.TRANSACTION_TIMEOUT_SINCE: {"transaction_timeout": "0"},
}

_REFUSED = re.compile(
    r"unsupported startup parameter|command-line options"
    r"|unrecognized configuration parameter|invalid value for parameter"
)
"""PgBouncer's words, those of Amazon's RDS Proxy, and those of servers that only speak PostgreSQL's protocol."""


def session_settings(version_num: int, *, read_only: bool) -> dict[str, str]:
    """What our session sets for itself on a server of this version; of version 0: what is no timeout."""
    settings = dict(_SETTINGS)
    for since, more in _TIMEOUTS_SINCE.items():
        if version_num >= since:
            settings |= more
    if read_only:
        settings["default_transaction_read_only"] = "on"
    return settings


def startup_options(settings: dict[str, str]) -> str:
    """The settings as libpq's `options`, which win over what is set for a role, a database or the server."""
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())


def timeouts_in_packet(options: bytes) -> bool:
    """Whether the timeouts were in the startup packet: what the server itself would set is not known then."""
    return b"-c statement_timeout=" in options


def refuses_options(text: str) -> bool:
    """Whether a refusal is one of `options`: a pooler that cannot pass them on, or does not know one of them."""
    return bool(_REFUSED.search(text))
