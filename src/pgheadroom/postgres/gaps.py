"""What a sample of a server lacks, and why."""

from collections.abc import Collection, Iterable, Mapping

from pgheadroom.model.snapshot import Gap
from pgheadroom.postgres.catalogue import NOT_SHOWN
from pgheadroom.postgres.denied import Denied
from pgheadroom.postgres.exchange import Answer, Unanswered
from pgheadroom.words.sql_names import quoted

UNNAMED_TABLES = Gap("locks", "pg_class is locked: tables are shown by their number")
THROUGH_POOLER = Gap("connection", "we come through a pooler: our timeouts are not set; connect directly")
UNPINNED = Gap("connection", "our timeouts are not set: our role may not call set_config")


def unanswered(
    answers: Mapping[str, Answer], denied: Denied, refused: Iterable[tuple[str, str]], *, silent: Collection[str]
) -> list[Gap]:
    """The parts without an answer, each once.

    Args:
        refused: Parts of the catalogue, with the reason of the last time that they were asked for.
        silent: Parts of which nobody misses anything.
    """
    gaps = [Gap(part, answer.reason) for part, answer in answers.items() if isinstance(answer, Unanswered)]
    gaps += [gap for gap in denied.gaps() if gap.part not in answers]
    gaps = [gap for gap in gaps if gap.part not in NOT_SHOWN and gap.part not in silent]
    told = {gap.part for gap in gaps}
    return gaps + [Gap(part, reason) for part, reason in refused if part not in told]


def hidden_sessions(user: str) -> Gap:
    """What an ordinary role does not see, and the grant that would show it."""
    return Gap(
        "sessions",
        "other roles' sessions are hidden: no state, client, times or query, and counts are estimates; "
        f"GRANT pg_monitor TO {quoted(user) or '<role>'} shows them",
    )
