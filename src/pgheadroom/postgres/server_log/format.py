"""The formats in which PostgreSQL writes its log."""

from enum import StrEnum


class Format(StrEnum):
    """As pg_current_logfile calls them."""

    JSON = "jsonlog"
    CSV = "csvlog"
    TEXT = "stderr"
