"""Prepared transactions, asked for while one of them holds a lock that somebody waits for."""

from pgheadroom.model.locks import PREPARED
from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.postgres.catalogue import Catalogue
from pgheadroom.postgres.exchange import Answer, Question
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.rules.facts.lock_queues import Blockers

PART = "prepared transactions"
EVERY = 5.0
"""Seconds between two questions: they come and go by hand."""


class Prepared:
    """What is known of them, until nobody waits for one any more."""

    def __init__(self) -> None:
        self._asked_at = float("-inf")
        self._found: tuple[PreparedTransaction, ...] = ()

    def questions(self, blockers: Blockers, now: float, catalogue: Catalogue) -> list[Question]:
        """`now` is of our own clock."""
        if not any(PREPARED in named for named in blockers.values()):
            self._found, self._asked_at = (), float("-inf")
            return []
        if now - self._asked_at < EVERY:
            return []
        self._asked_at = now
        return [Question(PART, query("prepared", catalogue.facts.version_num))]

    def take(self, answer: Answer | None, catalogue: Catalogue) -> None:
        if isinstance(answer, list):
            self._found = tuple(
                PreparedTransaction(
                    read_text(bytes(gid), catalogue.codecs.get(database, catalogue.codec)),
                    catalogue.role_names.get(owner) or f"oid {owner}",
                    catalogue.database_names.get(database) or f"oid {database}",
                    since,
                )
                for gid, owner, database, since in answer
            )

    def found(self) -> tuple[PreparedTransaction, ...]:
        return self._found
