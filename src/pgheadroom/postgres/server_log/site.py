"""Whether a server's log can be read over SQL. Pure."""

from typing import NamedTuple

from pgheadroom.model import versions
from pgheadroom.postgres.server_log.format import Format

_GRANT = "GRANT EXECUTE ON FUNCTION pg_current_logfile(text), pg_read_binary_file(text,bigint,bigint) TO {role}"


class LogSite(NamedTuple):
    """Whether a server's log can be read over SQL.

    Attributes:
        allowed: Our role may call both functions.
        collects: logging_collector is on: the server writes files of its own.
        formats: log_destination.
        prefix: log_line_prefix.
        lists: It may list the files of the log.
    """

    allowed: bool
    collects: bool
    formats: tuple[str, ...]
    prefix: str = ""
    lists: bool = False

    def format(self, version_num: int) -> Format:
        """The one that tells most, of those that are written."""
        if Format.JSON in self.formats and version_num >= versions.JSON_LOG_SINCE:
            return Format.JSON
        return Format.CSV if Format.CSV in self.formats else Format.TEXT

    def obstacle(self, role: str, database: str) -> str:
        """Why it cannot be read, and what would help; empty where it can."""
        if not self.collects:
            return "logging_collector is off: --server-log FILE or '|COMMAND' reads the log where it goes instead"
        return "" if self.allowed else f"{_GRANT.format(role=role)}, in database {database}, shows them"
