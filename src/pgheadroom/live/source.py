"""The clock: who samples, how often, and what is said when nothing comes.

To the screens it is a `Source`, `Inquiries`, `Signals` and `Commands`, see `model.ports`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pgheadroom.deadline import arrives, clock, forget
from pgheadroom.errors import NoConnection, PgHeadroomError, UsageError
from pgheadroom.live.attempts import Attempts
from pgheadroom.live.consoles import Consoles
from pgheadroom.live.link import Link, Question
from pgheadroom.live.log_following import LogFollower
from pgheadroom.live.reconnection import Reconnection
from pgheadroom.live.rest import Rest
from pgheadroom.live.updates import Updates
from pgheadroom.model.ports import Post
from pgheadroom.model.snapshot import REFUSED, Gap, PreparedTransaction, Snapshot
from pgheadroom.postgres.ahead import Ahead
from pgheadroom.postgres.doors import Doors
from pgheadroom.postgres.sampling import Probe

if TYPE_CHECKING:  # whoever looks once, and does nothing, loads none of it
    from pgheadroom.model.action import Result, Target, Verb
    from pgheadroom.model.applied import Alteration, ApplySite, Spot
    from pgheadroom.model.bouncer_command import BouncerCommand, CommandResult
    from pgheadroom.model.detail import SessionDetail
    from pgheadroom.model.hold import Change, ChangeResult, HeldKind, HoldSite
    from pgheadroom.model.server_settings import ServerSettings
    from pgheadroom.model.session import SessionId

Answer = TypeVar("Answer")

PATIENCE = 2.0
"""Seconds without an answer before the screens hear of it; twice the interval if that is longer."""
TOLD_EVERY = 1.0
GIVEN_UP_AFTER = 30.0
"""Seconds without an answer before the connection is given up. Longer than statement_timeout: a server that is only
slow gives its answer, or its refusal, before."""
BREATH = 0.2
"""The least rest after a sample, as a part of the time it took: a server in trouble is not asked without a pause."""
LOG_GRACE = 1.0
"""The most seconds that a single sample waits for the beginning of a log that is read beside it."""
BOUNCER_GRACE = 0.25
"""The most seconds that a slow PgBouncer may delay PostgreSQL's sample."""


class LiveSource:
    """A server and its PgBouncers, over one connection each.

    Attributes:
        reconnection: How it is got in, and what that took.
    """

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
        server_log: str = "",
        ahead: Ahead | None = None,
        samples_soon: bool = False,
    ) -> None:
        """Nothing is connected yet.

        Args:
            conninfo: psql's: a connection string, a URI, or a database's name.
            doors: Conninfos of other ways into the server, tried in order.
            pgbouncers: Conninfos of admin consoles.
            target: How the configuration calls the server.
            asks_password: `open` is called again with the user's password when the first door wants one; no other
                door is tried before.
            server_log: A file, or a command behind a `|`, that tells what the server writes to its log.
            hide_literals: Query texts come without their literals and comments.
            ahead: Attempts at the first door that have begun already.
            samples_soon: Who connects asks for a sample soon after it: it comes with the login, and the PgBouncers are
                asked at the same time.

        Raises:
            UsageError: when a conninfo is not understood.
        """
        self._samples_soon = samples_soon
        ways = Doors(conninfo, doors, password, read_only, target, asks_password, hide_literals, ahead, samples_soon)
        self._read_only = read_only
        self._link = Link()
        self._log = LogFollower(server_log) if server_log else None
        self._rest = Rest(interval)
        self._consoles = Consoles(pgbouncers)
        attempts = Attempts(ways)
        self._updates = Updates(self._link, attempts, self._consoles)
        self.reconnection = Reconnection(attempts, self._link, self._rest, self._updates)

    # --- the clock ---------------------------------------------------------------------------------------------------

    @property
    def interval(self) -> float:
        """Seconds between the starts of two samples."""
        return self._rest.interval

    def set_interval(self, seconds: float) -> None:
        """Change the interval; holds from the sample that is being waited for."""
        self._rest.set_interval(seconds)

    def sample_now(self) -> None:
        """End the wait for the next sample, or for the next attempt to connect, and ask for every part of it."""
        self._link.hurry()
        self._consoles.hurry()
        self._rest.end()

    async def run(self, post: Post) -> None:
        """Sample until cancelled, and post each update. Never raises for a server in trouble."""
        while True:
            if self._link.probe is None:
                await self._reopen(post)
            began = clock()
            await self._sample(post)
            if self._link.probe is not None:
                await self._rest_since(began)

    async def _rest_since(self, began: float) -> None:
        """Sleep what is left of the interval, whatever it becomes meanwhile, or of what spares the server."""
        took = clock() - began
        with self._link.heard(self._rest.end):
            await self._rest.until(lambda: began + max(self._every, (1 + BREATH) * took))

    @property
    def _every(self) -> float:
        paced = self._link.paced(self.interval)
        return paced.every if paced is not None else self.interval

    @property
    def connected(self) -> bool:
        """Whether a connection is held, be it one that does not answer now."""
        return self._link.probe is not None

    # --- getting in, and leaving -------------------------------------------------------------------------------------

    async def open(self, password: str | None = None) -> None:
        """Connect for the first time. After a failure `run` goes on trying, or `open` is called again.

        Args:
            password: That the user typed; kept in memory for connecting again.

        Raises:
            NoConnection: with one line that says why; `full` when a door had no room.
        """
        if self._samples_soon:
            self._consoles.begin()
        await self.reconnection.open(password)

    def keep_trying(self) -> None:
        """Go on trying the doors from now on, where `open` has failed: `run` may begin later, and tells of it then."""
        self.reconnection.keep_trying()

    @property
    def detour(self) -> str:
        """A sentence when the door that opened is not the one that was asked for, and why; else empty."""
        return self.reconnection.attempts.detour

    async def _reopen(self, post: Post) -> None:
        """Stand before the doors until one opens. The PgBouncers are asked meanwhile."""
        telling = asyncio.create_task(self._tell_pgbouncers(post))
        forget(telling)
        try:
            self._tell_shut(post)  # they may have been tried before we ran
            await self.reconnection.until_in(post)
        finally:
            telling.cancel()
            await asyncio.wait({telling})

    async def _tell_pgbouncers(self, post: Post) -> None:
        """Show them in the waiting room, at the interval."""
        while self._consoles:
            if asked := self._consoles.begin():
                await asyncio.wait(asked, timeout=PATIENCE)
            self._tell_shut(post)
            await asyncio.sleep(self.interval)

    def _tell_shut(self, post: Post) -> None:
        if (shut := self.reconnection.attempts.shut) is not None:
            post(self._updates.trouble(str(shut)))

    async def close(self) -> None:
        """Give the slot back, also when the server does not answer."""
        if self._log is not None:
            await asyncio.to_thread(self._log.close)
        await self.reconnection.close()
        await self._link.close()
        await self._consoles.close()

    # --- one sample --------------------------------------------------------------------------------------------------

    async def sample_once(self, patience: float = 10.0) -> Snapshot:
        """One sample of everything; connects first if need be.

        Raises:
            NoConnection: when the server is not reached, or lost.
            NoAnswer: when it does not answer within `patience` seconds.
        """
        await self.open()
        ends = clock() + patience / 2
        self._consoles.begin()
        snapshot = await self.ask(self._ask_for_sample, patience)
        await self._consoles.settle(PATIENCE, ends)
        if self._log is not None:
            await asyncio.to_thread(self._log.wait, LOG_GRACE)
        return self._complete(snapshot)

    async def _sample(self, post: Post) -> None:
        asked = self._consoles.begin()
        began = clock()
        question = self._link.put(self._ask_for_sample)
        patience = max(PATIENCE, 2 * self.interval)
        while not await arrives(question, patience):
            waited = clock() - began
            if waited >= GIVEN_UP_AFTER:
                await self._link.give_up(question)
                post(self._updates.trouble(f"no answer for {waited:.0f} s", ": connecting again"))
                return
            post(self._updates.silence(waited))
            patience = TOLD_EVERY
        try:
            snapshot = question.result()
        except NoConnection as error:
            await self._link.drop()
            post(self._updates.trouble(str(error)))
        except PgHeadroomError as error:
            post(self._updates.trouble(str(error)))
        else:
            if asked:
                await asyncio.wait(asked, timeout=min(BOUNCER_GRACE, self.interval / 4))
            post(self._complete(snapshot))

    async def _ask_for_sample(self, probe: Probe) -> Snapshot:
        if self._log is not None:
            probe.reads_log = False
            if probe.catalogue.log is not None:
                self._log.reads(probe.catalogue.log.prefix)
            self._log.begin()
        return await probe.sample()

    def _complete(self, snapshot: Snapshot) -> Snapshot:
        self.reconnection.at_once = True
        if self._log is not None:
            refusals, unread = self._log.take(snapshot.taken_at)
            others = [gap for gap in snapshot.gaps if gap.part != REFUSED]
            gaps = (*others, Gap(REFUSED, unread, harmless=self._log.waits)) if unread else tuple(others)
            snapshot = replace(snapshot, refusals=refusals, gaps=gaps)
        return self._updates.complete(snapshot, self.interval)

    # --- what else is asked of the server ----------------------------------------------------------------------------

    async def ask(self, question: Question[Answer], patience: float = 5.0) -> Answer:
        """Ask something else over the one connection, between two samples.

        Raises:
            NoConnection: when there is no connection, or it is lost.
            NoAnswer: when nothing came within `patience` seconds; its `asked` says whether the question was sent.
        """
        return await self._link.ask(question, patience)

    async def detail(
        self, session: SessionId, known: SessionDetail | None = None, patience: float = 5.0
    ) -> SessionDetail | None:
        """One session looked at closely; None when it has ended. Errors as `ask`."""
        from pgheadroom.postgres import session_detail

        return await self.ask(lambda probe: session_detail.detail(probe, session, known), patience)

    async def server_settings(self) -> ServerSettings:
        """The settings that advice is about, and where each comes from. Errors as `ask`."""
        from pgheadroom.postgres.advice_settings import server_settings  # here: only advice needs them

        return await self.ask(server_settings)

    def backend_memory(self, pids: Iterable[int], own: int) -> tuple[int, ...]:
        """Of these backends, where they are on this machine; see `postgres.backend_memory`."""
        from pgheadroom.postgres.backend_memory import private_memory

        return private_memory(pids, own)

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
        from pgheadroom.postgres import actions

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

    async def look(
        self, names: Collection[tuple[HeldKind, str]] = (), numbers: Collection[tuple[HeldKind, int]] = ()
    ) -> HoldSite:
        """What could be held of these, see `postgres.holding.look`. Errors as `ask`."""
        from pgheadroom.postgres import holding

        return await self.ask(lambda probe: holding.look(probe, names, numbers))

    async def change(self, change: Change, patience: float = 15.0) -> ChangeResult:
        """Hold back, or let go, see `postgres.holding.change`. Errors as `ask`.

        Raises:
            UsageError: when the source is read-only.
        """
        from pgheadroom.postgres import holding

        return await self._changing(lambda probe: holding.change(probe, change), patience)

    async def look_at(self, spots: Sequence[Spot]) -> ApplySite:
        """What stands where advice is applied, see `postgres.applying.look`. Errors as `ask`."""
        from pgheadroom.postgres import applying

        return await self.ask(lambda probe: applying.look(probe, spots))

    async def alter(self, alteration: Alteration, patience: float = 15.0) -> ChangeResult:
        """Apply advice, or undo it, see `postgres.applying.alter`. Errors as `ask`.

        Raises:
            UsageError: when the source is read-only.
        """
        from pgheadroom.postgres import applying

        return await self._changing(lambda probe: applying.alter(probe, alteration), patience)

    async def is_prepared(self, prepared: PreparedTransaction) -> bool:
        """Whether this prepared transaction is still there. Errors as `ask`."""
        from pgheadroom.postgres import rollback

        return await self.ask(lambda probe: rollback.find(probe, prepared)) is not None

    async def roll_back(self, prepared: PreparedTransaction, patience: float = 15.0) -> ChangeResult:
        """Roll it back, see `postgres.rollback.roll_back`. Errors as `ask`.

        Raises:
            UsageError: when the source is read-only.
        """
        from pgheadroom.postgres import rollback

        return await self._changing(lambda probe: rollback.roll_back(probe, prepared), patience, "rolled back")

    async def _changing(self, question: Question[ChangeResult], patience: float, done: str = "changed") -> ChangeResult:
        """What changes what samples rarely read: the next one asks for all of it.

        Raises:
            UsageError: when the source is read-only: nothing was `done`.
        """
        if self._read_only:
            raise UsageError(f"read-only: nothing was {done}")
        try:
            result = await self.ask(question, patience)
        except NoConnection:
            await self._link.drop()
            raise
        self.sample_now()
        return result

    async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
        """Give a command to the PgBouncer of this name.

        Raises:
            UsageError: when the source is read-only, or has no such PgBouncer.
        """
        if self._read_only:
            raise UsageError("read-only: no command was given")
        return await self._consoles.command(bouncer, command)
