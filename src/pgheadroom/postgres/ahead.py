"""Attempts to connect while the program still loads itself: who asks earlier gets the slot that falls free."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from psycopg.errors import OperationalError
from psycopg.pq.abc import PGconn

from pgheadroom.access.knocking import BURST, BURST_UNMOVED, JITTER
from pgheadroom.deadline import in_thread
from pgheadroom.model.refusal import Hindrance, RefusedBy
from pgheadroom.postgres.attempt import Attempt
from pgheadroom.postgres.not_let_in import no_connection
from pgheadroom.postgres.own_session import session_settings, startup_options
from pgheadroom.postgres.parameters import parameters, place, timeout

if TYPE_CHECKING:
    from pgheadroom.postgres.door import Connection


class Ahead:
    """Attempts at the first door, one after the other, until one is let in, they are taken over, or it is no use.

    To `connecting.connected` it is an attempt, which has begun already. For one use.

    Attributes:
        attempts: How many there were.
        refused: How many each limit refused, as far as their texts tell it.
        place, over: As of `Attempt`.
    """

    def __init__(self, conninfo: str, *, read_only: bool, again: bool) -> None:
        """Begin.

        Args:
            again: A door without room is tried until we are taken over, or for as long as a burst where nothing moves.

        Raises:
            UsageError: The conninfo is not understood.
        """
        self._given = parameters(conninfo)
        self._given["connect_timeout"] = timeout(self._given)
        self._ours = startup_options(session_settings(0, read_only=read_only))
        self._ends = time.monotonic() + (BURST_UNMOVED if again else 0.0)
        self._taken = threading.Event()
        self._outcome: Future[PGconn] = Future()
        self.attempts = 0
        self.refused: Counter[RefusedBy] = Counter()
        self._attempt = self._next()
        self.place = self._attempt.place
        in_thread(self._begin, "ahead")

    def run(self) -> PGconn:
        """Take over: wait for the attempt that is under way; for a thread.

        Raises:
            psycopg.Error: It was in vain, as those before it; or `GivenUp`, as `Attempt.run`.
        """
        self._taken.set()
        return self._outcome.result()

    async def connect(self, given: Mapping[str, Any], where: str, deadline: float, ours: str = "") -> "Connection":
        """As `Burst.connect`; all but the deadline was known before.

        Raises:
            NoConnection: They were in vain.
        """
        from pgheadroom.postgres.door import let_in  # here: it needs the rest of psycopg

        return await let_in(self, where, deadline)

    @property
    def limits(self) -> set[RefusedBy]:
        """That refused them, each of which was alone."""
        return set(self.refused)

    @property
    def over(self) -> bool:
        """They have ended, however."""
        return self._outcome.done()

    def give_up(self) -> None:
        """End them as soon as libpq lets go."""
        self._taken.set()
        self._attempt.give_up()

    def leave(self) -> None:
        """End them where nobody has taken them over, and what they have opened."""
        if not self._taken.is_set():
            self.give_up()
            self._outcome.add_done_callback(_close)

    def _next(self) -> Attempt:
        self.attempts += 1
        return Attempt(self._given, ours=self._ours)

    def _begin(self) -> None:
        try:
            while (got := self._tried()) is None:
                self._attempt = self._next()
            self._outcome.set_result(got)
        except BaseException as failure:  # whoever takes over gets it
            self._outcome.set_exception(failure)

    def _tried(self) -> PGconn | None:
        """The connection; None where the next attempt is due.

        Raises:
            psycopg.Error: There is to be none.
        """
        due = time.monotonic() + BURST * random.uniform(*JITTER)  # noqa: S311 - not a secret
        try:
            return self._attempt.run()
        except OperationalError as failure:
            said = no_connection(failure, place(self._given)).said
            self.refused[said.limit] += 1
            if said.hindrance is not Hindrance.NO_ROOM or due > self._ends:
                raise
            if self._taken.wait(max(0.0, due - time.monotonic())):
                raise
            return None


def _close(outcome: Future[PGconn]) -> None:
    if outcome.exception() is None:
        outcome.result().finish()
