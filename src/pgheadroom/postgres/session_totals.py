"""What the server has counted of its sessions, in one round trip."""

from pgheadroom.model import versions
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.postgres.exchange import Question, Unanswered, ask_together
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.sampling import Probe


async def session_totals(probe: Probe) -> SessionTotals | None:
    """None where the server does not count them (before 14), or does not say.

    Raises:
        NoConnection: when the connection is lost.
    """
    version = probe.catalogue.facts.version_num
    if version < versions.SESSIONS_ARE_COUNTED_SINCE:
        return None
    (told,) = await ask_together(probe.connection, [Question("session totals", query("session_totals", version))])
    return None if isinstance(told, Unanswered) else SessionTotals(*told[0])
