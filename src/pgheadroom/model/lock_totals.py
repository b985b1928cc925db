"""Waits for locks counted by the server itself, so that those between two samples count too."""

from typing import NamedTuple


class LockTotal(NamedTuple):
    """A row of `pg_stat_lock` (19+).

    Attributes:
        waits: Since the server's statistics were reset.
    """

    locktype: str
    waits: int
