"""Sessions counted by the server itself, so that those between two samples count too."""

from typing import NamedTuple


class SessionTotals(NamedTuple):
    """Since the server's statistics were reset: `sessions` of pg_stat_database, and how some of them ended.

    Attributes:
        abandoned: The client was gone.
        fatal: By an error of their own.
        killed: By an operator.
    """

    begun: int
    abandoned: int
    fatal: int
    killed: int
