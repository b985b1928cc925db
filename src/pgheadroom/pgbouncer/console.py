"""PgBouncer's admin console: what it shows, sample by sample, and what it is told to do.

One connection, kept open, because each takes one of `max_client_conn`; on it one question or command at a time.
"""

import asyncio
import time
from dataclasses import replace

from pgheadroom.deadline import arrives, clock
from pgheadroom.errors import NoConnection, PgHeadroomError, UsageError
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandOutcome, CommandResult
from pgheadroom.model.gap import Gap
from pgheadroom.model.pool import PgBouncer
from pgheadroom.pgbouncer.commands import read_back, shown_by, statement
from pgheadroom.pgbouncer.line import Line, Refused, ask, server_version
from pgheadroom.pgbouncer.reading import DATABASES, POOLS, Part, Reading, not_a_pgbouncer
from pgheadroom.pgbouncer.table import Unreadable
from pgheadroom.postgres.door import Connection, in_time
from pgheadroom.rules.pools.commands import PAUSE_WITHIN, forbidden, resume_of
from pgheadroom.words.text import safe

ANSWER_WITHIN = 10.0
"""Seconds after which a console that does not answer is given up; it has no statement_timeout."""
LATE = 1.0
"""Seconds of silence that are told as trouble. On a slow link an answer may take longer than a sample waits for it;
then what was seen before is shown, with its age."""
STRANGER_PAUSE = 60.0
"""Seconds between two attempts where no pooler answers: each takes one of PostgreSQL's own slots."""
_HELD_FOR_PAUSE = 0.5
"""Seconds that a PAUSE may keep our connection: it answers only when the last client let go of its server."""
_LOOK_AGAIN = 0.3
_READ_BACK_IN = 2.0
"""Seconds in which the console says what a command came to; it was answered already, so nobody waits long for it."""


class OddAnswer(PgHeadroomError):  # noqa: N818 - it is what happened
    """It answered, but not what its pools are."""


class NotAPooler(NoConnection):
    """Something answers that has no pools to show."""


class Console:
    """One PgBouncer's console. At most one connection, and one question at a time; it never raises for trouble."""

    def __init__(self, conninfo: str, *, password: str | None = None, name: str = "") -> None:
        """Args:
            conninfo: The database is `pgbouncer` if it names none.
            name: How the user calls it; by default where it is.

        Raises:
            UsageError: when the conninfo is not understood.
        """
        self._line = Line(conninfo, password)
        self._turn = asyncio.Lock()
        self.name = name or self._line.place
        self._reading = Reading(self.name)
        self._question: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._asking: Part = POOLS
        self._seen_at: float | None = None
        self._trouble = ""
        self._command: BouncerCommand | None = None
        self._commanded = False
        self._pausing: BouncerCommand | None = None
        self._again: asyncio.TimerHandle | None = None
        self._closed = False

    async def sample(self, patience: float = 2.0) -> PgBouncer:
        """Ask, wait up to `patience` seconds, and say what is known then."""
        question = self.begin()
        if question is not None:
            await arrives(question, patience)
        return self.latest()

    def begin(self) -> asyncio.Task[None] | None:
        """Ask, unless a question is already in flight or it is too early to connect again.

        Returns:
            What is in flight now. It never raises.
        """
        if self._question is not None and not self._question.done():
            return self._question
        if not self._line.may_ask or self._closed:
            return None
        self._asked_at, self._asking = time.monotonic(), POOLS
        self._question = asyncio.create_task(self._refresh())
        return self._question

    async def settle(self, patience: float, ends: float) -> None:
        """Wait for what is in flight: `patience` seconds, and on until `ends` as long as each answer comes within them.

        Args:
            ends: In seconds of the loop's clock.
        """
        question, asking = self._question, self._asking
        while question is not None and not await arrives(question, patience):
            if self._asking is asking or clock() >= ends:
                return
            asking = self._asking

    def hurry(self) -> None:
        """Ask for everything with the next question, whatever it costs."""
        self._reading.hurry()

    def latest(self) -> PgBouncer:
        """What was seen last, with its age, and why it is not fresh."""
        now = time.monotonic()
        age = None if self._seen_at is None else now - self._seen_at
        known = replace(self._reading.known, command=self._command, trouble=self._trouble, age=age)
        if self._question is None or self._question.done() or self._commanded:
            return known if self._trouble or age is None else replace(known, age=0.0)
        waited = now - self._asked_at
        silence = f"no answer for {waited:.1f} s" if waited >= LATE or age is None else ""
        if self._seen_at is None or self._seen_at < self._asked_at:
            return replace(known, trouble=self._trouble or silence)
        # The pools are here; what comes after them is late, and of the rest what was never told is not known either.
        late = dict.fromkeys((self._asking, *self._reading.untold())) if silence else ()
        return replace(known, gaps=(*known.gaps, *(Gap(part.name.lower(), silence) for part in late)), age=0.0)

    async def run(self, command: BouncerCommand, deadline: float = PAUSE_WITHIN) -> CommandResult:
        """Give a command, and say what came of it. It is checked against what was seen last.

        A PAUSE has `deadline` seconds to come about; then it is taken back with RESUME. While it waits for clients to
        let go of their servers it is not answered, so our connection is given up for a new one: the console goes on to
        be read, and shows whom it waits for. (PgBouncer stays on its way to the pause when its console disappears.)
        """
        try:
            statement(command)
        except UsageError as error:
            return CommandResult(command, CommandOutcome.REFUSED, str(error))
        if self._pausing is not None and command == resume_of(self._pausing):
            return await self._read_back(await self._end_pause(self._pausing))
        # A question may be in flight at this moment; that is no trouble.
        seen = replace(self._reading.known, trouble=self._trouble, age=None if self._seen_at is None else 0.0)
        reason = f"{statement(self._command)} is still under way" if self._command else forbidden(command, seen)
        if reason:
            return CommandResult(command, CommandOutcome.REFUSED, reason)
        self._command = command
        try:
            is_pause = command.verb is BouncerVerb.PAUSE
            result = await (self._pause(command, deadline) if is_pause else self._give(command))
        finally:
            self._command = self._pausing = None
            self._reading.hurry()
        return await self._read_back(result)

    async def close(self) -> None:
        """Give the connection back. A PAUSE that has not come about yet is taken back first: nobody would watch it."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        pausing, self._pausing = self._pausing, None
        if pausing is not None:
            resuming = asyncio.create_task(self._give(resume_of(pausing), 1.0))
            if not await arrives(resuming, 1.5):
                resuming.cancel()
        if self._question is not None and not self._question.done():
            self._question.cancel()
            await arrives(self._question, 1.0)
        await self._line.close()

    # --- questions ---------------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        async with self._turn:
            try:
                connection = await self._connected()
                await in_time(connection, self._read(connection), ANSWER_WITHIN)
            except OddAnswer as odd:
                self._trouble = str(odd)
            except PgHeadroomError as trouble:
                self._trouble = str(trouble).removeprefix(f"{self.name}: ")
                pause = await self._line.drop(trouble, STRANGER_PAUSE if isinstance(trouble, NotAPooler) else 0.0)
                self._begin_again_in(pause)
            else:
                self._trouble = ""
                self._line.well()

    def _begin_again_in(self, pause: float) -> None:
        """Not only when the next sample asks: a PgBouncer that is up again fills as fast as a server does."""
        if not self._closed:
            self._again = asyncio.get_running_loop().call_later(pause, self.begin)

    async def _connected(self) -> Connection:
        connection, new = await self._line.connected()
        if new:
            info = connection.info
            self._reading.begin(server_version(connection), info.user, info.dbname)
        return connection

    async def _read(self, connection: Connection) -> None:
        """Everything that is due. What the console refuses is a gap; without pools there is nothing to show at all.

        One after the other, however long the line: PgBouncer writes the answer to a second question into the midst of
        the first, where that did not fit into the socket's buffer (`pktbuf_send_func` in src/pktbuf.c).
        """
        for part in self._reading.due(time.monotonic()):
            self._asking = part
            began = time.monotonic()
            try:
                answer = await ask(connection, part.question, self._line.place)
                now = time.monotonic()
                self._reading.take(part, answer, now, now - began)
            except Refused as refusal:
                if part is POOLS:
                    raise self._without_pools(refusal) from None
                self._reading.refuse(part, str(refusal), time.monotonic())
            except Unreadable as odd:
                reason = f"SHOW {part.name} cannot be read: {odd}"
                if part is POOLS:
                    # What was seen stays, and its age grows; so does the connection. It is asked for again at once.
                    self._reading.hurry(POOLS)
                    raise OddAnswer(reason) from None
                self._reading.refuse(part, reason, time.monotonic())
            if part is POOLS:
                self._seen_at = time.monotonic()
        await self._learn_rights(connection)

    def _without_pools(self, refusal: Refused) -> NoConnection:
        product = self._reading.known.product
        if product:
            return NotAPooler(f"{self._line.place}: {not_a_pgbouncer(product)}")
        return NoConnection(f"{self._line.place}: {refusal}")

    async def _learn_rights(self, connection: Connection) -> None:
        """Who is in neither list of users may still be PgBouncer's own user on its Unix socket.

        ENABLE without a database does nothing, and is refused to an administrator for another reason than to others.
        """
        known = self._reading.known
        if known.admin is not None or known.product:
            return
        try:
            await ask(connection, b"ENABLE", self._line.place)
        except Refused as refusal:
            self._reading.learn(admin="database is required" in str(refusal))
        else:
            self._reading.learn(admin=False)

    # --- commands ----------------------------------------------------------------------------------------------------

    async def _give(self, command: BouncerCommand, patience: float | None = None) -> CommandResult:
        self._commanded = True
        try:
            async with self._turn:
                outcome, message = await self._send(statement(command), ANSWER_WITHIN if patience is None else patience)
        finally:
            self._commanded = False
        return CommandResult(command, outcome, safe(message))

    async def _send(self, words: str, patience: float) -> tuple[CommandOutcome, str]:
        try:
            connection = await self._connected()
        except PgHeadroomError as trouble:
            return CommandOutcome.REFUSED, f"not sent: {trouble}"
        try:
            answered = await self._line.give(connection, words, patience)
        except Refused as refusal:
            return CommandOutcome.REFUSED, str(refusal)
        except PgHeadroomError as trouble:
            await self._line.drop(trouble)
            return CommandOutcome.UNCERTAIN, str(trouble)
        return (CommandOutcome.DONE, "") if answered else (CommandOutcome.UNCERTAIN, f"no answer for {patience:g} s")

    async def _read_back(self, result: CommandResult) -> CommandResult:
        """Of what was answered OK, whether it is now what the command made it; asked once, here only."""
        shown = shown_by(result.command, self._reading.known.version_num)
        if result.outcome is not CommandOutcome.DONE or not shown:
            return result
        async with self._turn:
            connection = self._line.connection
            if connection is None or self._closed:
                return result
            try:
                answer = await in_time(
                    connection, ask(connection, Part(shown).question, self._line.place), _READ_BACK_IN
                )
                return read_back(result, answer)
            except (Refused, Unreadable) as odd:
                trouble = str(odd)
            except PgHeadroomError as lost:
                trouble = str(lost)
                await self._line.drop(lost)
        return replace(result, message=safe(f"not read back: {trouble}"))

    async def _pause(self, command: BouncerCommand, deadline: float) -> CommandResult:
        ends = time.monotonic() + deadline
        self._pausing = command
        try:
            result = await self._give(command, min(_HELD_FOR_PAUSE, deadline))
            if result.outcome is not CommandOutcome.UNCERTAIN:
                return result
            while self._pausing is not None and time.monotonic() < ends:
                if outcome := await self._pause_came_about(command, time.monotonic()):
                    return outcome
                await asyncio.sleep(min(_LOOK_AGAIN, max(0.0, ends - time.monotonic())))
        except asyncio.CancelledError:
            await self._give(resume_of(command), 1.0)
            raise
        return await self._take_back(command, deadline)

    async def _end_pause(self, pausing: BouncerCommand) -> CommandResult:
        """RESUME a PAUSE of ours that has not come about yet: whoever waits for it hears that it was taken back."""
        self._pausing = None
        return await self._give(resume_of(pausing))

    async def _pause_came_about(self, command: BouncerCommand, since: float) -> CommandResult | None:
        self._reading.hurry(POOLS, DATABASES)
        seen = await self.sample()
        if seen.trouble or self._seen_at is None or self._seen_at < since:
            return None
        database = seen.database(command.database)
        if database is None or not database.paused:
            return CommandResult(command, CommandOutcome.UNDONE, "somebody else has taken it back")
        if any(pool.servers for pool in seen.pools if pool.database == command.database):
            return None
        return CommandResult(command, CommandOutcome.DONE)

    async def _take_back(self, command: BouncerCommand, deadline: float) -> CommandResult:
        if self._pausing is None:
            return CommandResult(command, CommandOutcome.UNDONE, "taken back")
        in_use = sum(pool.sv_active for pool in self.latest().pools if pool.database == command.database)
        resumed = await self._give(resume_of(command))
        still = f"after {deadline:g} s {in_use} of its servers were still in use"
        if resumed.outcome is CommandOutcome.DONE:
            return CommandResult(command, CommandOutcome.UNDONE, f"{still}: taken back with RESUME")
        return CommandResult(command, CommandOutcome.UNCERTAIN, f"{still}, and RESUME failed: {resumed.message}")
