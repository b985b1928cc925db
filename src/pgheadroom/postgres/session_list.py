"""The list of sessions of one server, from sample to sample: asked for whole now and then, else only what changed.

Whole: the first time; after a pause; when the last could not be read, or does not fit to who is there now; every
`WHOLE_EVERY` seconds, as a check of it all; when our rights or the name of a role or a database changed; when somebody
is hidden from our role, because a right may come back, or has no name yet; when the clock of the server went back; and
when another server process answers than before, as behind a pooler.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from pgheadroom.model.session import Session
from pgheadroom.postgres.carried import merged, missed, odd_pids, read_pids, same_where_equal
from pgheadroom.postgres.catalogue import Catalogue
from pgheadroom.postgres.exchange import Answer, Question, Row
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.rows import Activity, Words, activity_of, is_short, told_again

PART, PRESENT = "sessions", "present"
WHOLE_EVERY = 30.0
"""Seconds between two whole lists."""
PAUSE = 15.0
"""Seconds without a list after which it is asked for whole: what else may have happened meanwhile?"""
MARGIN = 2.0
"""Seconds by which a `state_change` may be older than the moment at which others see it."""
CLOCKS_AGREE = 1.0
"""Seconds by which the server's clock may run behind ours between two samples."""
MOST_ODD = 200
"""Pids that are named in a question; with more, everybody is asked for."""
_EVERYBODY = ("-infinity", "{}")


class _Before(NamedTuple):
    """The last list, and what it rests on. `read_at` is by our clock: when it was asked for."""

    sessions: dict[int, Session]
    odd: list[int]
    exact: bool
    taken_at: datetime
    read_at: float
    answered_by: int | None
    catalogue: Catalogue

    def margin(self, asked_at: float) -> float:
        """Seconds by which the clock may have gone back since."""
        return max(MARGIN, asked_at - self.read_at)

    def bound(self, asked_at: float) -> datetime:
        """Who is in its state since before that, and settled, is as it was."""
        return self.taken_at - timedelta(seconds=self.margin(asked_at))


class SessionList:
    """Asks for it, and keeps the last one.

    Attributes:
        mistaken: How many sessions were found by whole lists to be another than those before them had left it at.
    """

    def __init__(self) -> None:
        self.mistaken = 0
        self._before: _Before | None = None
        self._whole_at = float("-inf")
        self._asked_at = 0.0
        self._changed_only = False

    def hurry(self) -> None:
        """Ask for everybody next time."""
        self._whole_at = float("-inf")

    def questions(
        self, catalogue: Catalogue, *, alone: bool = False, presence: bool = True, telling: bool = False
    ) -> list[Question]:
        """The sessions, and beside them who is there.

        Args:
            alone: By the one function that it cannot do without.
            presence: Whether who is there may be asked for.
            telling: Whether it tells `locks.sql` that somebody waits, by set_config.
        """
        self._asked_at = time.monotonic()
        self._changed_only = not alone and presence and self._is_near(catalogue)
        version = catalogue.facts.version_num
        if alone:
            return [Question(PART, query("activity_alone", version))]
        values = _EVERYBODY
        if self._before is not None and self._changed_only:
            values = (self._before.bound(self._asked_at).isoformat(), "{" + ",".join(map(str, self._before.odd)) + "}")
        asked = [Question(PART, query("activity", version, "telling" if telling else "silent"), values)]
        return [*asked, Question(PRESENT, query("present", version))] if presence else asked

    def _is_near(self, catalogue: Catalogue) -> bool:
        """Whether the last list will do for those who do not change."""
        before, now = self._before, self._asked_at
        return (
            before is not None
            and before.exact
            and before.answered_by is not None
            and len(before.odd) <= MOST_ODD
            and now - before.read_at <= PAUSE
            and now - self._whole_at < WHOLE_EVERY
            and before.catalogue.reads_alike(catalogue)
        )

    def forget(self) -> None:
        """There was no answer, or none that can be read."""
        self._before = None

    def read(self, rows: Sequence[Row], words: Words, whole: Callable[[Row], Session]) -> list[Session] | None:
        """The sessions that are told; None where a row leaves out what is not known either.

        Args:
            whole: Reads a row that leaves out nothing.
        """
        known = self._before.sessions if self._before is not None else {}
        told = [told_again(row, known, words) if self._changed_only and is_short(row) else whole(row) for row in rows]
        return None if None in told else cast("list[Session]", told)

    def take(
        self, moment: datetime, told: Sequence[Session] | None, present: Answer | None, catalogue: Catalogue
    ) -> Activity | None:
        """The whole list; None where it has to be asked for once more: then everybody is.

        Args:
            moment: The server's, of the beginning of the transaction.
            told: The rows that came, read by `read`.
            present: The answer to the question who is there; None where that was not asked.
        """
        before, self._before = self._before, None
        if told is None:
            return None
        known = before.sessions if before is not None else {}
        everybody: Sequence[Session] | None = same_where_equal(known, told)
        by, pids = present[0] if isinstance(present, list) else (None, None)
        fits = before is not None and by == before.answered_by and self._fits(before, moment, catalogue)
        if self._changed_only:
            everybody = merged(known, everybody or (), read_pids(pids) or ()) if fits else None
        else:
            self._whole_at = self._asked_at
            if before is not None and before.exact and fits:
                self.mistaken += len(missed(known, before.odd, told, before.bound(self._asked_at)))
        if everybody is None:
            return None
        if before is not None and time.monotonic() - self._asked_at > before.margin(self._asked_at):
            self.hurry()  # when the server began with it is not known well enough
        activity = activity_of(everybody)
        sessions = {one.pid: one for one in everybody}
        odd = odd_pids(everybody)
        self._before = _Before(sessions, odd, activity.exact, moment, self._asked_at, by, catalogue)
        return activity

    def _fits(self, before: _Before, moment: datetime, catalogue: Catalogue) -> bool:
        """Whether what was asked for is still all that can have changed, by clocks and names."""
        passed, elapsed = (moment - before.taken_at).total_seconds(), self._asked_at - before.read_at
        return passed >= max(0.0, elapsed - CLOCKS_AGREE) and before.catalogue.reads_alike(catalogue)
