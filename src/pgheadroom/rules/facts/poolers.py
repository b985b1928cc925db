"""Which sessions are a pooler's server connections."""

from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.chain import chains


def pooler_pids(snapshot: Snapshot) -> frozenset[int]:
    """Pids of the sessions that a PgBouncer given to us holds open, by the chain."""
    return chains(snapshot).pids
