"""The clock: who samples, how often, and what is said when nothing comes.

To the screens it is a `Source`, `Inquiries`, `Signals` and `Commands`, see `model.ports`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from pgheadroom.deadline import NoAnswer, arrives, forget
from pgheadroom.errors import NoConnection, PgHeadroomError, UsageError
from pgheadroom.live.reconnection import Entrance
from pgheadroom.model.action import Result, Target, Verb
from pgheadroom.model.bouncer_command import BouncerCommand, CommandResult
from pgheadroom.model.detail import SessionDetail
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.ports import Post
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble
from pgheadroom.pgbouncer.console import Console
from pgheadroom.postgres import actions, session_detail
from pgheadroom.postgres.doors import Doors
from pgheadroom.postgres.sampling import Probe

Answer = TypeVar("Answer")

PATIENCE = 2.0
"""Seconds without an answer before the screens hear of it; twice the interval if that is longer."""
TOLD_EVERY = 1.0
GIVEN_UP_AFTER = 30.0
"""Seconds without an answer before the connection is given up. Longer than statement_timeout: a server that is only
slow gives its answer, or its refusal, before."""
WAITING_TOLD_EVERY = 0.5
"""Seconds: while we stand before shut doors, the screens need not hear of each attempt."""
BREATH = 0.2
"""The least rest after a sample, as a part of the time it took: a server in trouble is not asked without a pause."""
BOUNCER_GRACE = 0.25
"""The most seconds that a slow PgBouncer may delay PostgreSQL's sample."""


class LiveSource:
    """A server and its PgBouncers, over one connection each."""

    def __init__(
        self,
        conninfo: str = "",
        *,
        doors: Sequence[str] = (),
        pgbouncers: Sequence[str] = (),
        interval: float = 1.0,
        read_only: bool = False,
        target: str = "",
        password: str | None = None,
        asks_password: bool = False,
        hide_literals: bool = False,
    ) -> None:
        """Nothing is connected yet.

        Args:
            conninfo: psql's: a connection string, a URI, or a database's name.
            doors: Conninfos of other ways into the server, tried in order.
            pgbouncers: Conninfos of admin consoles.
            target: How the configuration calls the server.
            asks_password: `open` is called again with the user's password when the first door wants one; no other
                door is tried before.
            hide_literals: Query texts come without their literals and comments.

        Raises:
            UsageError: when a conninfo is not understood.
        """
        self._entrance = Entrance(Doors(conninfo, doors, password, read_only, target, asks_password))
        self._read_only = read_only
        self._hide_literals = hide_literals
        self._interval = interval
        self._consoles = [Console(bouncer) for bouncer in pgbouncers]
        self._probe: Probe | None = None
        self._line = asyncio.Lock()
        self._in_flight: asyncio.Task[object] | None = None
        self._wake = asyncio.Event()
        self._hurried = False
        self._since: datetime | None = None
        self._tries = 0
        self._well = True  # a sample came since the last attempt to connect: the next attempt need not wait
        self._newly_in = False
        self._told_at = 0.0
        self._entering: asyncio.Task[None] | None = None
        self._post: Post | None = None
        self._took = 0.0

    @property
    def interval(self) -> float:
        """Seconds between the starts of two samples."""
        return self._interval

    def set_interval(self, seconds: float) -> None:
        """Change the interval; holds from the sample that is being waited for."""
        self._interval = seconds
        self._wake.set()

    def sample_now(self) -> None:
        """End the wait for the next sample, or for the next attempt to connect, and ask for every part of it."""
        self._hurried = True
        if self._probe is not None:
            self._probe.hurry()
        for console in self._consoles:
            console.hurry()
        self._wake.set()

    async def open(self, password: str | None = None) -> None:
        """Connect for the first time. After a failure `run` goes on trying, or `open` is called again.

        Args:
            password: That the user typed; kept in memory for connecting again.

        Raises:
            NoConnection: with one line that says why; `full` when a door had no room.
        """
        if password is not None:
            self._entrance.doors.password = password
        if self._probe is None:
            self._probe = await self._entrance.enter()
            self._probe.hides_literals = self._hide_literals
            self._newly_in = True

    @property
    def detour(self) -> str:
        """A sentence when the door that opened is not the one that was asked for, and why; else empty."""
        return self._entrance.detour

    async def run(self, post: Post) -> None:
        """Sample until cancelled, and post each update. Never raises for a server in trouble."""
        while True:
            if self._probe is None:
                await self._reopen(post)
            began = _clock()
            await self._sample(post)
            if self._probe is not None:
                await self._rest(began)

    async def sample_once(self, patience: float = 10.0) -> Snapshot:
        """One sample of everything; connects first if need be.

        Raises:
            NoConnection: when the server is not reached, or lost.
            NoAnswer: when it does not answer within `patience` seconds.
        """
        await self.open()
        asked = self._begin_consoles()
        snapshot = await self.ask(Probe.sample, patience)
        if asked:
            await asyncio.wait(asked, timeout=PATIENCE)
        return self._complete(snapshot)

    async def ask(self, question: Callable[[Probe], Awaitable[Answer]], patience: float = 5.0) -> Answer:
        """Ask something else over the one connection, between two samples.

        Raises:
            NoConnection: when there is no connection, or it is lost.
            NoAnswer: when nothing came within `patience` seconds; its `asked` says whether the question was sent.
        """
        sent = False

        async def tracked(probe: Probe) -> Answer:
            nonlocal sent
            sent = True
            return await question(probe)

        task = self._put(tracked)
        if await arrives(task, patience):
            return task.result()
        if not sent:
            task.cancel()
            raise NoAnswer(f"the server has not answered for {patience:.0f} s: nothing was sent", asked=False)
        raise NoAnswer(f"sent, but no answer for {patience:.0f} s: it may still take effect", asked=True)

    async def detail(self, session: SessionId, patience: float = 5.0) -> SessionDetail | None:
        """One session looked at closely; None when it has ended. Errors as `ask`."""
        return await self.ask(lambda probe: session_detail.detail(probe, session), patience)

    async def signal(
        self,
        verb: Verb,
        targets: Sequence[Target],
        *,
        include_superusers: bool = False,
        protected_roles: Collection[str] = (),
        patience: float = 15.0,
    ) -> list[Result]:
        """Signal those that are still what was chosen, see `postgres.actions.signal`. Errors as `ask`.

        Raises:
            UsageError: when the source is read-only.
        """
        if self._read_only:
            raise UsageError("read-only: nothing was signalled")
        return await self.ask(
            lambda probe: actions.signal(
                probe.connection,
                verb,
                targets,
                include_superusers=include_superusers,
                protected_roles=protected_roles,
                not_superusers=probe.catalogue.not_superusers,
            ),
            patience,
        )

    async def still_there(self, targets: Sequence[Target | SessionId], patience: float = 5.0) -> set[SessionId]:
        """Which of these sessions still exist. Errors as `ask`."""
        return await self.ask(lambda probe: actions.still_there(probe.connection, targets), patience)

    async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
        """Give a command to the PgBouncer of this name.

        Raises:
            UsageError: when the source is read-only, or has no such PgBouncer.
        """
        if self._read_only:
            raise UsageError("read-only: no command was given")
        console = next((console for console in self._consoles if console.name == bouncer), None)
        if console is None:
            raise UsageError(f"there is no PgBouncer {bouncer}")
        return await console.run(command)

    async def close(self) -> None:
        """Give the slot back, also when the server does not answer."""
        if self._entering is not None:
            self._entering.cancel()
            await asyncio.wait({self._entering})
        probe, self._probe = self._probe, None
        if probe is not None:
            await (probe.hang_up(self._in_flight) if self._line.locked() else probe.close())
        await asyncio.gather(*(console.close() for console in self._consoles))

    # --- one sample --------------------------------------------------------------------------------------------------

    async def _sample(self, post: Post) -> None:
        asked = self._begin_consoles()
        began = _clock()
        question: asyncio.Task[Snapshot] = self._put(Probe.sample)
        patience = max(PATIENCE, 2 * self._interval)
        while not await arrives(question, patience):
            waited = _clock() - began
            if waited >= GIVEN_UP_AFTER:
                await self._give_up(question)
                post(self._trouble(f"no answer for {waited:.0f} s", ": connecting again"))
                return
            post(self._trouble(self._silence(waited)))
            patience = TOLD_EVERY
        try:
            snapshot = question.result()
        except NoConnection as error:
            await self._lose(str(error), post)
        except PgHeadroomError as error:
            post(self._trouble(str(error)))
        else:
            if asked:
                await asyncio.wait(asked, timeout=min(BOUNCER_GRACE, self._interval / 4))
            post(self._complete(snapshot))
            self._since, self._tries, self._well, self._took = None, 0, True, snapshot.round_trip

    def _put(self, question: Callable[[Probe], Awaitable[Answer]]) -> "asyncio.Task[Answer]":
        """Put a question in line: the connection carries one at a time."""
        task = asyncio.create_task(self._in_turn(question))
        # Whoever asked may have been cancelled by the time it fails.
        forget(task)
        return task

    async def _in_turn(self, question: Callable[[Probe], Awaitable[Answer]]) -> Answer:
        async with self._line:
            if self._probe is None:
                raise NoConnection("not connected")
            self._in_flight = asyncio.current_task()
            return await question(self._probe)

    def _begin_consoles(self) -> list[asyncio.Task[None]]:
        """Ask the PgBouncers at the same time; each has at most one question in flight."""
        begun = [console.begin() for console in self._consoles]
        return [question for question in begun if question is not None]

    def _complete(self, snapshot: Snapshot) -> Snapshot:
        """With the PgBouncers, what is to be said of our door, and what changed while we were away."""
        returned = self._entrance.sampled(snapshot, newly_in=self._newly_in)
        self._newly_in = False
        door = replace(snapshot.door, hint=self._entrance.hint(snapshot))
        paced = self._probe.paced(self._interval) if self._probe is not None else None
        spared = (*snapshot.spared, paced) if paced is not None else snapshot.spared
        return replace(snapshot, door=door, pgbouncers=self._pgbouncers(), returned=returned, spared=spared)

    def _pgbouncers(self) -> tuple[PgBouncer, ...]:
        return tuple(console.latest() for console in self._consoles)

    async def _rest(self, began: float) -> None:
        """Sleep what is left of the interval, whatever it becomes meanwhile, or of what spares the server."""
        took = _clock() - began
        await self._sleep(lambda: began + max(self._every, (1 + BREATH) * took))

    @property
    def _every(self) -> float:
        paced = self._probe.paced(self._interval) if self._probe is not None else None
        return paced.every if paced is not None else self._interval

    async def _sleep(self, until: Callable[[], float]) -> None:
        self._hurried = False
        while not self._hurried and (left := until() - _clock()) > 0:
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    # --- trouble -----------------------------------------------------------------------------------------------------

    def _trouble(self, reason: str, then: str = "") -> Trouble:
        """Why nothing comes, and what is done about it (`then`): that is of no interest any more when we are back."""
        self._entrance.lost(reason, self._tries)
        if self._since is None:
            self._since = datetime.now(UTC)
        waiting = self._entrance.waiting(self._pgbouncers()) if self._probe is None else None
        return Trouble(reason + then, self._since, self._tries, waiting, self._entrance.help)

    def _silence(self, waited: float) -> str:
        """What is said of it: after a slow sample the next one is probably only slow too."""
        if waited < 2 * self._took:
            return f"no answer for {waited:.0f} s: the last sample took {self._took:.1f} s"
        return f"no answer for {waited:.0f} s: the server is overloaded or out of reach"

    async def _give_up(self, question: asyncio.Task[Snapshot]) -> None:
        """Close the connection; the question in flight ends with an error."""
        probe, self._probe = self._probe, None
        if probe is not None:
            await probe.hang_up(self._in_flight)
        if not await arrives(question, PATIENCE):
            question.cancel()
            await arrives(question, PATIENCE)

    async def _lose(self, reason: str, post: Post) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            await probe.close()
        post(self._trouble(reason))

    async def _reopen(self, post: Post) -> None:
        """Try the doors until one opens, politely. The PgBouncers are asked meanwhile."""
        telling = asyncio.create_task(self._tell_pgbouncers(post))
        forget(telling)
        try:
            self._post = post
            if self._entrance.shut is not None:  # they were tried before we ran
                post(self._trouble(str(self._entrance.shut)))
            self.keep_trying()
            if self._entering is not None:
                await self._entering
        finally:
            self._post = self._entering = None
            telling.cancel()
            await asyncio.wait({telling})

    def keep_trying(self) -> None:
        """Go on trying the doors from now on, where `open` has failed: `run` may begin later, and tells of it then."""
        if self._entering is None:
            self._entering = asyncio.create_task(self._try_doors())
            forget(self._entering)

    async def entered(self) -> None:
        """Wait until `keep_trying` is in."""
        if self._entering is not None:
            await self._entering

    @property
    def attempts(self) -> int:
        """To connect, until now."""
        return self._entrance.doors.attempts

    async def _try_doors(self) -> None:
        while self._probe is None:
            if not self._well:
                await self._pause()
            self._well = False
            try:
                await self.open()
            except PgHeadroomError as error:
                self._tries += 1
                self._tell(error)

    async def _pause(self) -> None:
        ends = _clock() + self._entrance.next_try
        await self._sleep(lambda: ends)

    def _tell(self, error: PgHeadroomError) -> None:
        trouble = self._trouble(str(error))
        if self._post is not None and _clock() - self._told_at >= WAITING_TOLD_EVERY:
            self._told_at = _clock()
            self._post(trouble)

    async def _tell_pgbouncers(self, post: Post) -> None:
        """Show them in the waiting room, at the interval."""
        while self._consoles:
            if asked := self._begin_consoles():
                await asyncio.wait(asked, timeout=PATIENCE)
            if self._entrance.shut is not None:
                post(self._trouble(str(self._entrance.shut)))
            await asyncio.sleep(self._interval)


def _clock() -> float:
    """Seconds on the event loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()
