"""The ways in, tried one after the other, and what each said."""

import asyncio
import getpass
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from pgheadroom.access.knocking import ONCE, Pace
from pgheadroom.deadline import clock
from pgheadroom.errors import NoConnection
from pgheadroom.model import versions
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.postgres import conninfo, libpq
from pgheadroom.postgres.ahead import Ahead
from pgheadroom.postgres.burst import Burst
from pgheadroom.postgres.door import Connection, in_time
from pgheadroom.postgres.listeners import NotTrusted, keeper, users_on_port
from pgheadroom.postgres.not_let_in import NotLetIn, hindrance_of
from pgheadroom.postgres.parameters import parameters, patience, timeout
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import CANNOT_CONNECT_NOW, NO_ROOM, limit_of_error
from pgheadroom.postgres.sampling import FIRST_ANSWER_WITHIN, Probe
from pgheadroom.postgres.startup_packet import Address, ServerError, first_error
from pgheadroom.postgres.verbose_error import verbose_error

LOOK_CLOSER_EVERY = 10.0
"""Seconds between two startup packets at one door: each is one more attempt to connect, and gains us nothing."""
LEFT_ALONE = 10.0
"""The least seconds for which a door is not tried that failed for another reason, while others have only no room."""
_LEFT_ALONE_TIMES = 5.0
"""The same, as a multiple of the time that the door took to fail."""
_MOST_PATIENT = 8
_SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108 - where packagers and PostgreSQL itself put sockets
_THIS_MACHINE = ("localhost", "::1")
_STRONG_ROLE = "postgres"


class NoDoor(NoConnection):
    """Every door was tried, and none opened.

    Attributes:
        refusals: The last word of each, in the order in which they are tried.
    """

    def __init__(self, message: str, refusals: Sequence[Refusal], *, password_needed: bool = False) -> None:
        super().__init__(message, full=any(one.full for one in refusals), password_needed=password_needed)
        self.refusals = tuple(refusals)


@dataclass(slots=True)
class Way:
    """One door.

    Attributes:
        label: Without secrets.
        given: The user named it; else it was found on this machine.
        stands_for_tcp: Found beside a port of the loopback address, which may lead elsewhere (a container, a tunnel).
        shut_out: Why it is never tried; else empty.
        refusal: Its last word, None before the first attempt.
        detour: A sentence when it opened and is not the first: why; else empty.
        limits: That the attempts of its last two turns met.
        patient: How many times its `connect_timeout` the next attempt may take. An attempt that is given up can leave a
            process behind in a server that hangs, with a slot; one that goes on gets in as soon as it can.
    """

    conninfo: str = field(repr=False)  # it may hold a password
    label: str
    given: bool = True
    stands_for_tcp: bool = False
    shut_out: str = ""
    refusal: Refusal | None = None
    detour: str = ""
    patient: int = 1
    closer_at: float = float("-inf")
    closer: ServerError | None = None
    limits: frozenset[RefusedBy] = frozenset()
    alone_until: float = float("-inf")


@dataclass(slots=True)
class Doors:
    """All doors of a server: the conninfo, the other ones that the user named, and the Unix socket of this machine.

    Attributes:
        password: That the user typed; it belongs to the first door and goes to no other.
        hides_literals: Whether query texts come without their literals.
        samples: Whether the first sample comes with the login, for who asks for it soon.
        ahead: Attempts at the first door that have begun already; None when they have had their turn.
        asks: Whether the user can be asked for the first door's password: then no other door is tried before that.
        way: The door that opened last.
        system: The system identifier of the server behind it; None when it could not be read.
        passed: What doors without room said in the round in which another one opened.
        attempts: How many there have been to connect.
        refused: How many of them each limit refused; `OTHER` counts those that failed for another reason.
        moves: Whether others came and went beside us: what we met changed between attempts that were alone.
    """

    conninfo: str = field(repr=False)
    others: Sequence[str] = field(default=(), repr=False)
    password: str | None = field(default=None, repr=False)
    read_only: bool = False
    target: str = ""
    asks: bool = False
    hides_literals: bool = False
    ahead: Ahead | None = field(default=None, repr=False)
    samples: bool = False
    way: Way | None = None
    system: int | None = None
    passed: tuple[Refusal, ...] = ()
    ways: list[Way] = field(default_factory=list)
    attempts: int = 0
    refused: Counter[RefusedBy] = field(default_factory=Counter)
    moves: bool = False
    _looking: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        """Raises:
        UsageError: when a conninfo is not understood.
        """
        for text in (self.conninfo, *(into_same_server(self.conninfo, other) for other in self.others)):
            patience(parameters(text))
            self.ways.append(Way(text, conninfo.label(text)))

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The last word of each door that has been tried."""
        return tuple(way.refusal for way in self.ways if way.refusal is not None)

    @property
    def role(self) -> str:
        """The first door's, where the user named it or the server was reached; else empty."""
        return conninfo.parse(self.conninfo).get("user") or os.environ.get("PGUSER", "") or _present_user()

    async def enter(self, pace: Pace = ONCE) -> Probe:
        """Try the doors in their order, one at a time; the first that opens is taken.

        A server that we were in is knocked at first by the door that let us in.

        Args:
            pace: How each is tried.

        Raises:
            NoDoor: None opened.
        """
        error: NoConnection | None = None
        self.moves = False
        tried: list[Way] = []
        while (way := self._next(tried)) is not None:
            tried.append(way)
            try:
                return await self._through(way, pace)
            except NoConnection as failure:
                error = error or failure
                if way is self.ways[0] and failure.password_needed and self.asks and self.password is None:
                    break
                self._find_more(way, failure)
        raise self._none_opened(error)

    def _next(self, tried: Sequence[Way]) -> Way | None:
        """The next door of this round; there may be more of them meanwhile."""
        ours = [self.way] if self.way is not None else []
        return next((way for way in [*ours, *self.ways] if way not in tried and self._worth_a_try(way)), None)

    @property
    def in_turn(self) -> int:
        """How many doors would be tried now."""
        return sum(map(self._worth_a_try, self.ways))

    def _worth_a_try(self, way: Way) -> bool:
        """A door on this machine that nobody named is tried only when those that were named have no room."""
        if way.shut_out or (way.alone_until > clock() and any(one.hindrance in SOON for one in self.refusals)):
            return False
        return way.given or way is self.way or any(one.refusal and one.refusal.full for one in self.ways if one.given)

    async def _through(self, way: Way, pace: Pace) -> Probe:
        began = clock()
        turn = self._turn(way, pace)
        try:
            probe = await Probe.open(
                way.conninfo,
                password=self.password if way is self.ways[0] else None,
                read_only=self.read_only,
                target=self.target,
                patient=way.patient,
                connecting=turn.connect,
                sampling=self.samples,
            )
            probe.hides_literals = self.hides_literals
            await self._identify(way, probe)
        except NoConnection as failure:
            unanswered = clock() - began >= timeout(parameters(way.conninfo))
            way.patient = min(_MOST_PATIENT, 2 * way.patient) if unanswered else 1
            self.moves = self.moves or len(turn.limits | way.limits) > 1
            way.limits = frozenset(turn.limits)
            way.refusal = await self._heard(way, failure, waits=pace == ONCE or self.in_turn > 1)
            self._count_refused(turn.refused, failure, way.refusal)
            alone = 0.0 if way.refusal.hindrance in SOON else max(LEFT_ALONE, _LEFT_ALONE_TIMES * (clock() - began))
            way.alone_until = clock() + alone
            raise
        finally:
            self.attempts += turn.attempts
        self.refused += turn.refused
        self._opened(way)
        return probe

    def _turn(self, way: Way, pace: Pace) -> Burst | Ahead:
        ahead = self.ahead if way is self.ways[0] else None
        if ahead is None:
            return Burst(pace)
        self.ahead = None
        return ahead

    def _count_refused(self, met: Counter[RefusedBy], last: NoConnection, heard: Refusal) -> None:
        """What a closer look told of the last attempt holds for those before it that were told the same."""
        if isinstance(last, NotLetIn):
            alike = met.pop(last.said.limit, 0)
            met[heard.limit] += alike
        self.refused += met

    async def _identify(self, way: Way, probe: Probe) -> None:
        """Raises:
        NoConnection: The connection is lost, or leads to another server than the one that was named.
        """
        try:
            self.system = probe.system
            if way.stands_for_tcp and await _asked(probe.connection, "server_listens") is not True:
                raise NoConnection(f"{way.label}: another server, which does not listen on TCP")
        except NoConnection:
            await probe.close()
            raise

    def _opened(self, way: Way) -> None:
        for looking in self._looking:
            looking.cancel()  # it could be let in, too
        self.way = way
        self.passed = tuple(one for one in self.refusals if one.full)
        first = self.ways[0].refusal
        if way is not self.ways[0] and first is not None:  # else it let us in before, and was the first to be tried
            way.detour = f"in through {way.label}, because {first.message}"
        for one in self.ways:
            one.refusal, one.alone_until, one.patient = one.refusal if one.shut_out else None, float("-inf"), 1

    # --- what a door said --------------------------------------------------------------------------------------------

    async def _heard(self, way: Way, failure: NoConnection, *, waits: bool) -> Refusal:
        limit, name, sqlstate, message = RefusedBy.OTHER, "", None, str(failure)
        hindrance = hindrance_of(failure)
        if isinstance(failure, NotLetIn):
            limit, name = failure.said.limit, failure.said.name
            unclear = limit in _AMBIGUOUS and not _PLAIN.search(str(failure))
            if failure.said.by_server and unclear and failure.address is not None:
                limit, name, sqlstate = await self._looked_at(way, failure.address, limit, name, waits=waits)
                hindrance = _AT_ONCE.get(sqlstate or "", hindrance)
            if limit is not failure.said.limit:
                message += f" ({limit} limit, SQLSTATE {sqlstate})"
        return Refusal(way.label, limit, name, sqlstate, message, datetime.now(UTC), hindrance)

    async def _looked_at(
        self, way: Way, address: Address, limit: RefusedBy, name: str, *, waits: bool
    ) -> tuple[RefusedBy, str, str | None]:
        """The limit as a startup packet tells it: `sorry, too many clients` is said of slots and of processes.

        Args:
            waits: Whether to wait for it. Where a slot may fall free meanwhile, it is told later.
        """
        if clock() - way.closer_at >= LOOK_CLOSER_EVERY:
            way.closer_at = clock()
            looking = asyncio.create_task(self._look_closer(way, address))
            self._looking.add(looking)
            looking.add_done_callback(self._looking.discard)
            if waits:
                await looking
        if way.closer is None or way.closer.sqlstate != NO_ROOM:
            starts = way.closer is not None and way.closer.sqlstate == CANNOT_CONNECT_NOW
            return limit, name, CANNOT_CONNECT_NOW if starts else None
        limit, name = limit_of_error(way.closer)
        names = {RefusedBy.ROLE: address.user, RefusedBy.DATABASE: address.database}
        return limit, name or names.get(limit, ""), NO_ROOM

    async def _look_closer(self, way: Way, address: Address) -> None:
        """Where the server asks for a password before it refuses us, a login tells more than a startup packet."""
        password = self.password if way is self.ways[0] else None
        way.closer = await first_error(address) or await verbose_error(parameters(way.conninfo, password), address)

    def _none_opened(self, error: NoConnection | None) -> NoDoor:
        message = str(error) if error is not None else "no door could be tried"
        needed = error is not None and error.password_needed
        more = len(self.refusals) - 1
        if more > 0 and not needed:
            message += f"; nor does {'another door' if more == 1 else f'any of {more} other doors'} open"
        return NoDoor(message, self.refusals, password_needed=needed)

    # --- doors of this machine ---------------------------------------------------------------------------------------

    def _find_more(self, way: Way, failure: NoConnection) -> None:
        """Add the Unix socket's doors, once it is known that a named door of this machine has no room."""
        address = failure.address if isinstance(failure, NotLetIn) else None
        if not (way.given and failure.full and address is not None and on_this_machine(address)):
            return
        known = {one.label for one in self.ways}
        mine = {(address.host, address.port, address.user)}
        for way in socket_doors(address, mine):
            if way.label not in known:
                self.ways.append(way)


SOON = (Hindrance.NO_ROOM, Hindrance.OPENING, Hindrance.DOWN)
"""What may end at any moment."""
_AT_ONCE = {NO_ROOM: Hindrance.NO_ROOM, CANNOT_CONNECT_NOW: Hindrance.OPENING}
_AMBIGUOUS = (RefusedBy.SERVER, RefusedBy.OTHER)
_PLAIN = re.compile(
    r"authentication failed|password|does not exist|pg_hba\.conf|not permitted to log in|the database system is"
    r"|not currently accepting connections|permission denied|invalid database"
)
"""Refusals that surely have another reason than room; every other unknown text may be a translated one."""


def into_same_server(main: str, other: str) -> str:
    """The conninfo of another door. One that names no host leads to the host of the first, and to its database.

    The first door's password is for its role only.
    """
    given, further = conninfo.parse(main), conninfo.parse(other)
    if {"host", "hostaddr", "service"} & further.keys():
        return other
    if further.get("user", given.get("user")) != given.get("user"):
        given.pop("password", None)
    return conninfo.compose(given | further)


def on_this_machine(address: Address) -> bool:
    """Whether a server is reached over a Unix socket or the loopback address."""
    return address.host.startswith("/") or address.host in _THIS_MACHINE or address.host.startswith("127.")


def socket_doors(address: Address, known: set[tuple[str, int, str]]) -> Iterator[Way]:
    """The Unix socket of the same port, as the present user and as `postgres`.

    They are for who the operating system says we are: nothing that proves more is given to whoever listens there.
    """
    over_tcp = not address.host.startswith("/")
    on_port = users_on_port(address.host if over_tcp else "localhost", address.port)
    for folder in _SOCKET_FOLDERS if over_tcp else (address.host,):
        if not (Path(folder) / f".s.PGSQL.{address.port}").is_socket():
            continue
        try:
            user = keeper(folder, address.port, on_port)
        except NotTrusted as reason:
            label = conninfo.label(conninfo.compose({"host": folder, "port": str(address.port)}))
            said = Refusal(label, RefusedBy.OTHER, "", None, f"not tried: {reason}", datetime.now(UTC))
            yield Way("", label, given=False, shut_out=str(reason), refusal=said)
            continue
        yield from _as_whom(folder, user, address, known, stands_for_tcp=over_tcp)
        return


def _as_whom(
    folder: str, listener: str, address: Address, known: set[tuple[str, int, str]], *, stands_for_tcp: bool
) -> Iterator[Way]:
    for user in dict.fromkeys((_present_user(), _STRONG_ROLE)):
        if user and (folder, address.port, user) not in known:
            given = {"host": folder, "port": str(address.port), "user": user, "dbname": address.database}
            text = conninfo.compose(given | _nothing_secret() | {"requirepeer": listener})
            yield Way(text, conninfo.label(conninfo.compose(given)), given=False, stands_for_tcp=stands_for_tcp)


def _nothing_secret() -> dict[str, str]:
    """No password of any source, and no proof that another authentication could want of us.

    What a service file or a variable sets is overridden by an empty value.
    """
    without = {"password": "", "passfile": conninfo.NO_FILE, "hostaddr": "", "channel_binding": "disable"}
    # Where libpq does not know the word yet, there is still no password that it could send.
    return without if libpq.version() < versions.LIBPQ_REQUIRE_AUTH_SINCE else without | {"require_auth": "none"}


async def _asked(connection: Connection, name: str) -> Any:
    """The one value that a query gives; None where our role may not read it."""
    return await in_time(connection, _answer(connection, name), FIRST_ANSWER_WITHIN)


async def _answer(connection: Connection, name: str) -> Any:
    try:
        cursor = await connection.execute(query(name, connection.info.server_version), binary=True)
        row = await cursor.fetchone()
    except psycopg.Error:
        return None
    return row[0] if row else None


def _present_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return os.environ.get("USER", "")
