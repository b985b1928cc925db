"""Asking a server in one round trip, and asking on without what it refuses."""

import time
from collections.abc import Callable, Mapping, Sequence

from pgheadroom.model.budget import Budget
from pgheadroom.postgres.catalogue import (
    CATALOGUE_PARTS,
    CHANGED_BY_HAND,
    LOOKED_UP,
    catalogue_questions,
    nothing_read,
    read_catalogue,
)
from pgheadroom.postgres.denied import BY_NAME, Denied
from pgheadroom.postgres.door import Connection, Settling
from pgheadroom.postgres.exchange import (
    LOCK_NOT_AVAILABLE,
    Answer,
    Question,
    Transaction,
    Unanswered,
    ask,
    is_pinned,
)
from pgheadroom.postgres.lock_waits import lock_table
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.timing import CLOCK, costs, is_clock, timed

RARELY = 30.0
"""Seconds after which settings and names are read again."""
OFTEN = 5.0
"""The same for what somebody may have changed because of us, where there are as few names as on most servers: who
raised a limit, or granted something, wants to see that it helped."""
FEW_NAMES = 200
AT_MOST = 1.0
"""Seconds between two readings of the names because of an unknown role or database."""
NAMES_WAIT = "20ms"
"""How long a question may stand in a queue for a locked catalogue: without names there are numbers, at once."""
NAMES = {"databases", "roles", LOOKED_UP}


class Asking:
    """One server's answers over one connection, with its catalogue, which other questions depend on.

    Attributes:
        catalogue: Names, limits and settings as last read.
        denied: What is not asked for.
        budgets: By part: what it may cost the server. Each answer of such a part is counted.
    """

    def __init__(
        self,
        connection: Connection,
        budgets: Mapping[str, Budget],
        other_ways: Mapping[str, Callable[[], Question]],
    ) -> None:
        """
        Args:
            other_ways: By part: how it is asked for without what is denied by then.
        """
        self.connection = connection
        self.catalogue = nothing_read(connection.info.server_version)
        self.denied = Denied()
        self.budgets = budgets
        self._other_ways = {"settings": self._settings_question, **other_ways}
        self._read_at = time.monotonic()
        self._all_read_at = self._read_at
        self._costly = False

    @property
    def version(self) -> int:
        return self.catalogue.facts.version_num

    @property
    def is_pinned(self) -> bool:
        """Our settings hold in the transactions of our questions."""
        return is_pinned(self.connection)

    def is_due(self, part: str) -> bool:
        """Whether its budget allows to ask for it now."""
        return self.budgets[part].is_due(time.monotonic())

    def rare_questions(self) -> list[Question]:
        """Those about the catalogue, when it is old."""
        now = time.monotonic()
        if now - self._read_at < self._catalogue_lasts:
            return []
        asked = self._catalogue_questions()
        if now - self._all_read_at < RARELY:
            asked = [one for one in asked if one.part in CHANGED_BY_HAND]
        return self.denied.allowed(asked)

    async def learn_names(self) -> None:
        """Read roles and databases again, because one is unknown; not too often."""
        refused = NAMES & {part for part, _ in self.catalogue.refused}
        if time.monotonic() - self._read_at >= (OFTEN if refused else AT_MOST):
            names = [one for one in catalogue_questions(self.version) if one.part in NAMES]
            await self.ask((), self.denied.allowed(names))

    async def ask(
        self,
        questions: Sequence[Question],
        rare: Sequence[Question] = (),
        alone: Sequence[Question] = (),
        *,
        settling: Settling | None = None,
    ) -> dict[str, Answer]:
        """Everything in one round trip; what was not reached because of a refusal is asked for again without that.

        Args:
            rare: Of the catalogue.
            alone: Whose failure shall cost nothing else.
            settling: Of a new session, ahead of them.
        """
        groups = [group for group in (questions, *((one,) for one in (*rare, *alone))) if group]
        clocks = CLOCK not in self.denied
        parts = self.budgets.keys() if clocks else frozenset[str]()
        transactions = [Transaction(timed(group, parts), NAMES_WAIT) for group in groups]
        answers: dict[str, Answer] = {}
        cost: dict[str, float] = {}
        while transactions:
            came, settling = await ask(self.connection, transactions, settling), None
            for transaction, told in zip(transactions, came, strict=True):
                answers |= zip([question.part for question in transaction.questions], told, strict=True)
                cost |= costs(transaction.questions, told)
            transactions = [
                Transaction(again, NAMES_WAIT) for one in transactions if (again := self._again(one.questions, answers))
            ]
        if rare:
            self._read_catalogue(answers)
        self._count_costs(answers, cost)
        return {part: answer for part, answer in answers.items() if not is_clock(part)}

    def _count_costs(self, answers: Mapping[str, Answer], found: Mapping[str, float]) -> None:
        now = time.monotonic()
        for part in self.budgets.keys() & answers.keys():
            self.budgets[part].asked(now, found.get(part))

    def _again(self, questions: Sequence[Question], answers: dict[str, Answer]) -> list[Question]:
        """What to ask once more after a refusal that came at once: another way, and what came behind it."""
        again: list[Question] = []
        for question in questions:
            answer = answers[question.part]
            if not isinstance(answer, Unanswered):
                continue
            if answer.sqlstate:
                again += self._another_way(question, answer)
                if not _came_at_once(answer):
                    return again
            elif not answer.reached and not (is_clock(question.part) and CLOCK in self.denied):
                again.append(self._by_itself(question))
        return again

    def _by_itself(self, asked: Question) -> Question:
        """The question as it is asked where those before it have failed."""
        return lock_table(self.version, read=False, told=False) if asked.part == "locks" else asked

    def _another_way(self, asked: Question, answer: Unanswered) -> list[Question]:
        """How else it can be asked. What was refused for want of a right is not asked like that from now on."""
        if not (asked.sql == query("activity", self.version, "telling") and not self.is_pinned):
            self.denied.note(asked.part, answer)  # else it was refused for set_config, which is not part of it any more
        if asked.part not in self._other_ways:
            return []
        other = self._other_ways[asked.part]()
        return [other] if other.sql != asked.sql else []

    def _settings_question(self) -> Question:
        return self._catalogue_questions()[0]

    def _catalogue_questions(self) -> list[Question]:
        return catalogue_questions(self.version, listed=BY_NAME in self.denied)

    @property
    def _catalogue_lasts(self) -> float:
        """Seconds. A part that did not answer may cost its timeout each time."""
        count = len(self.catalogue.roles) + len(self.catalogue.databases)
        return RARELY if self._costly or count > FEW_NAMES else OFTEN

    def _read_catalogue(self, answers: Mapping[str, Answer]) -> None:
        self._read_at = time.monotonic()
        if "settings" in answers:
            self._all_read_at = self._read_at
        told = {part: answers[part] for part in CATALOGUE_PARTS if part in answers}
        self._costly = any(isinstance(answer, Unanswered) and not _came_at_once(answer) for answer in told.values())
        before = self.catalogue
        self.catalogue = read_catalogue(told, before) or before
        if LOOKED_UP not in answers and self.catalogue.role_names is not before.role_names:
            self._all_read_at = float("-inf")  # what our session had looked up of roles is forgotten with the change


def _came_at_once(refusal: Unanswered) -> bool:
    """Whether to ask on costs no more than a round trip: nothing has waited for a timeout of seconds."""
    return refusal.forbidden or refusal.sqlstate == LOCK_NOT_AVAILABLE
