"""One attempt to connect, in a thread of its own that can be left behind.

Whatever libpq does there, looking up a name without an answer or computing a hash for hours, the event loop goes on:
keys live, deadlines hold, and the program can end. Source of the loop: the manual's chapter on libpq, "Database
Connection Control Functions", PQconnectStart.
"""

import random
import select
import socket
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from psycopg.errors import ConnectionTimeout, OperationalError, finish_pgconn
from psycopg.pq import ConnStatus, PollingStatus
from psycopg.pq import PGconn as Line
from psycopg.pq.abc import PGconn

from pgheadroom.access.knocking import JITTER, ONCE, Pace
from pgheadroom.model import versions
from pgheadroom.model.refusal import Hindrance, RefusedBy
from pgheadroom.postgres import clear_text, libpq
from pgheadroom.postgres.conninfo import NO_FILE, compose
from pgheadroom.postgres.listeners import vouched_owner
from pgheadroom.postgres.own_session import refuses_options
from pgheadroom.postgres.port_watch import wait_for_listener
from pgheadroom.postgres.refusal import limit_of, refusal
from pgheadroom.postgres.turns import Turns

_OPENS_SOON = (Hindrance.DOWN, Hindrance.OPENING)
_ASKED_AGAIN = (*_OPENS_SOON, Hindrance.NO_ROOM)
_AT_LEAST = 2.0
"""Seconds: libpq takes a shorter `connect_timeout` for this."""


class GivenUp(Exception):  # noqa: N818 - nobody sees it
    """Nobody waits for the attempt any more."""


class Attempt:
    """All addresses of a conninfo, one after the other, until one lets us in. For one use.

    Attributes:
        place: Where it leads, as far as the parameters say.
        over: It has ended, however.
        answered: It has been refused at least once, and not for good; before that, it may be the server that says
            nothing.
    """

    def __init__(
        self,
        given: Mapping[str, Any],
        *,
        verbose: bool = False,
        pace: Pace = ONCE,
        ours: str = "",
        turns: Turns | None = None,
    ) -> None:
        """Args:
        given: libpq's parameters.
        verbose: Errors come with their SQLSTATE.
        pace: How long, and how often, to knock where nobody listens.
        ours: Behind the user's `options`, and left out where a pooler refuses it.
        turns: Taken before each knock, where others knock at the same door.
        """
        self._turns = turns
        self._ours = ours
        self._given = given
        self._verbose = verbose
        self._pace = pace
        self.place = tuple(given.get(name) for name in ("service", "host", "hostaddr", "port"))
        self.over = False
        self.answered = False
        self._met: Hindrance | None = None
        self._ends = 0.0
        self._composed: dict[tuple[object, ...], bytes] = {}
        self._wake, self._woken = socket.socketpair()

    def give_up(self) -> None:
        """End it as soon as libpq lets go."""
        with suppress(OSError):
            self._wake.send(b"x")

    def run(self) -> PGconn:
        """Connect; for a thread.

        Raises:
            psycopg.Error: No address lets us in.
            GivenUp: By `give_up`.
        """
        try:
            options = libpq.understood(self._given)
            addresses = list(_addresses(options))
            self._ends = time.monotonic() + self._pace.watch
            while True:
                self._wait_for_listener(addresses)
                self._wait_for_turn()
                failures: list[tuple[str, OperationalError]] = []
                knocked = time.monotonic()
                for address in addresses:
                    try:
                        return self._reach(address, {**options, **address})
                    except OperationalError as failure:
                        failures.append((_described(address), failure))
                self._check_whether_it_opens(_together(failures), knocked)
        finally:
            self.over = True
            self._wake.close()
            self._woken.close()

    def _wait_for_listener(self, addresses: Sequence[Mapping[str, str]]) -> None:
        # Only where nobody listened: a look at an open port would cost the server one more process, and us the moment.
        if self._pace.watch and self._met is Hindrance.DOWN:
            looked = wait_for_listener(addresses, self._ends - time.monotonic(), self._pace.every, self._woken)
            self.answered = self.answered or looked

    def _wait_for_turn(self) -> None:
        """Raises:
        GivenUp: By `give_up`.
        """
        pause = self._turns.take() if self._turns is not None else 0.0
        if pause and select.select([self._woken], [], [], pause)[0]:
            raise GivenUp

    def _check_whether_it_opens(self, refused: OperationalError, knocked: float) -> None:
        """Wait until the next knock is due, counted from when the last one began: over TLS it can take longer than the
        pause, and that of all moments when the server opens and everybody comes in.

        Raises:
            OperationalError: `refused`, when there is to be none.
            GivenUp: By `give_up`.
        """
        due = knocked + self._pace.every * random.uniform(*JITTER)  # noqa: S311 - not a secret
        pause = max(0.0, due - time.monotonic())
        before, hindrance = self._met, refusal(str(refused)).hindrance
        if (before, hindrance) == (Hindrance.DOWN, Hindrance.OPENING):
            self._ends = time.monotonic() + self._pace.watch  # it is no moment to begin anew
        self._met = hindrance
        # Not by silence, and not for good: those who wait for it would stand there, too, before anybody has heard why.
        self.answered = self.answered or hindrance in _ASKED_AGAIN
        if self._turns is not None and hindrance is Hindrance.OPENING:
            self._turns.took(time.monotonic() - knocked)
        if time.monotonic() + pause > self._ends or hindrance not in _OPENS_SOON:
            raise refused
        if select.select([self._woken], [], [], pause)[0]:
            raise GivenUp

    def _reach(self, address: Mapping[str, str], options: Mapping[str, str]) -> PGconn:
        """One address, with our options where they are taken."""
        given = {**self._given, **address, **_without_complaint(options)}
        if self._ours:
            try:
                return self._reach_with({**given, "options": f"{options.get('options', '')} {self._ours}"}, options)
            except OperationalError as refused:
                if not refuses_options(str(refused)):
                    raise
                self._ours = ""
        return self._reach_with(given, options)

    def _reach_with(self, given: Mapping[str, Any], options: Mapping[str, str]) -> PGconn:
        """With no password in clear text where somebody else could read it."""
        older = libpq.version() < versions.LIBPQ_REQUIRE_AUTH_SINCE
        try:
            if older:
                return self._reach_by_older(given, options)
            return self._log_in({**given, **clear_text.rule_for(options)})
        except OperationalError as refused:
            if not clear_text.was_refused(str(refused)):
                raise
            second = clear_text.second_way(options, _vouched(options, refused))
            if second is None or (older and not clear_text.over_socket(options)):
                raise  # by an older libpq TLS has been tried already
            try:
                return self._log_in({**given, **second})
            except OperationalError as failure:
                raise _together([(_described(options), refused), (_described(options), failure)]) from None

    def _reach_by_older(self, given: Mapping[str, Any], options: Mapping[str, str]) -> PGconn:
        failures = []
        for line, listens in clear_text.lines_of_an_older_libpq(options):
            try:
                return self._log_in({**given, **line}, listens=listens)
            except OperationalError as failure:
                failures.append((_described(options), failure))
                if limit_of(str(failure))[0] is not RefusedBy.OTHER:
                    break  # it has no room for us on another line either
        raise _together(failures)

    # --- one line ----------------------------------------------------------------------------------------------------

    def _log_in(self, given: Mapping[str, Any], *, listens: bool = False) -> PGconn:
        ends = time.monotonic() + max(_AT_LEAST, float(given.get("connect_timeout") or _AT_LEAST))
        pgconn = Line.connect_start(self._conninfo(given))
        listening: clear_text.Listening | None = None
        try:
            if self._verbose:
                libpq.make_verbose(pgconn)
            if pgconn.status != ConnStatus.BAD:
                # As the manual has it. Asked before, the kernel may not know yet that the port refuses, and libpq says
                # that the server has closed the connection.
                self._wait(pgconn.socket, False, None, ends)
            while (status := _polled(pgconn)) is not PollingStatus.OK:
                reading = status is PollingStatus.READING
                if listens and reading and listening is None:
                    listening = clear_text.Listening(pgconn.socket)
                self._wait(pgconn.socket, reading, listening, ends)
            if listening is not None:
                listening.end()
        except OSError as error:
            pgconn.finish()
            raise OperationalError(f"connection failed: {error.strerror}") from None
        except BaseException:
            pgconn.finish()
            raise
        finally:
            if listening is not None:
                listening.close()
        return pgconn

    def _conninfo(self, given: Mapping[str, Any]) -> bytes:
        # Knocks are many, and to put it together takes half as long as libpq takes for one of them.
        key = tuple(given.items())
        if key not in self._composed:
            self._composed[key] = compose(given).encode()
        return self._composed[key]

    def _wait(self, libpqs: int, reading: bool, listening: clear_text.Listening | None, ends: float) -> None:
        """Until libpq can go on.

        Raises:
            OperationalError: Too late, or refused by who listens in.
            GivenUp: By `give_up`.
        """
        poller = select.poll()
        poller.register(self._woken, select.POLLIN)
        poller.register(libpqs, select.POLLIN if reading else select.POLLOUT)
        for descriptor in listening.descriptors if listening is not None else ():
            poller.register(descriptor, select.POLLIN)
        ready: set[int] = set()
        while libpqs not in ready:
            ready = {descriptor for descriptor, _ in poller.poll(max(0.0, ends - time.monotonic()) * 1000)}
            if self._woken.fileno() in ready:
                raise GivenUp
            if not ready:
                raise ConnectionTimeout("connection timeout expired")
            if listening is not None:
                listening.exchange()


_complained: set[str] = set()


def _without_complaint(options: Mapping[str, str]) -> dict[str, str]:
    """libpq ignores a password file that others may read, and complains of it on the terminal at each attempt.

    Once is enough: later it would be written across the screen.
    """
    path = Path(options.get("passfile") or Path.home() / ".pgpass")
    try:
        mode = path.stat().st_mode
    except OSError:
        return {}
    if stat.S_ISREG(mode) and not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return {}
    known = str(path) in _complained
    _complained.add(str(path))
    return {"passfile": NO_FILE} if known else {}


def _polled(pgconn: PGconn) -> PollingStatus:
    """What libpq waits for.

    Raises:
        OperationalError: It has failed.
    """
    if pgconn.status == ConnStatus.BAD:
        raise OperationalError(f"connection is bad: {_said(pgconn)}", pgconn=finish_pgconn(pgconn))
    status = PollingStatus(libpq.poll(pgconn))
    if status is PollingStatus.FAILED:
        raise OperationalError(f"connection failed: {_said(pgconn)}", pgconn=finish_pgconn(pgconn))
    return status


def _said(pgconn: PGconn) -> str:
    return pgconn.error_message.decode("utf-8", "replace").strip()


# --- addresses -------------------------------------------------------------------------------------------------------


def _addresses(options: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What to add for each address: nothing for the only socket. libpq itself looks up no name then.

    Raises:
        OperationalError: Hosts, addresses and ports do not match, or no name is known.
    """
    unknown: OperationalError | None = None
    found: list[dict[str, str]] = []
    for host, address, port in _places(options):
        try:
            found += _resolved(host, address, port)
        except OSError as error:
            unknown = OperationalError(f"failed to resolve host {host!r}: {error}")
    if not found and unknown is not None:
        raise unknown
    if options.get("load_balance_hosts") == "random":
        random.shuffle(found)
    if options.get("target_session_attrs") == "prefer-standby":
        yield from ({**each, "target_session_attrs": "standby"} for each in found)
        found = [{**each, "target_session_attrs": "any"} for each in found]
    yield from found


def _places(options: Mapping[str, str]) -> list[tuple[str, str, str]]:
    hosts, addresses, ports = (_split(options, name) for name in ("host", "hostaddr", "port"))
    count = max(len(hosts), len(addresses), 1)
    hosts, addresses = hosts or [""] * count, addresses or [""] * count
    ports = ports * count if len(ports) == 1 else ports or [""] * count
    if not len(hosts) == len(addresses) == len(ports):
        raise OperationalError("hosts, addresses and ports are not equally many")
    return list(zip(hosts, addresses, ports, strict=True))


def _vouched(options: Mapping[str, str], refused: OperationalError) -> str:
    """Who vouches for the socket that was asked; libpq knows where it is when nobody has said so."""
    folder = options.get("host") or (refused.pgconn.host.decode() if refused.pgconn is not None else "")
    return vouched_owner(folder, int(options.get("port") or 5432)) if clear_text.over_socket(options) else ""


def _described(address: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {address.get(name)!r}" for name in ("host", "port", "hostaddr"))


def _together(failures: Sequence[tuple[str, OperationalError]]) -> OperationalError:
    """One error, in psycopg's words where there are several."""
    last = failures[-1][1]
    if len(failures) == 1:
        return last
    told = [str(last), "Multiple connection attempts failed. All failures were:"]
    told += [f"- {where}: {failure}" for where, failure in failures]
    return type(last)("\n".join(told), pgconn=last.pgconn)


def _split(options: Mapping[str, str], name: str) -> list[str]:
    return options[name].split(",") if options.get(name) else []


def _resolved(host: str, address: str, port: str) -> list[dict[str, str]]:
    """Raises:
    OSError: Nobody knows the name.
    """
    if host[:1] in ("/", "@", "") and not address:
        return [{"host": host, "port": port}] if host else [{}]
    if address:
        return [{"host": host, "hostaddr": address, "port": port}]
    known = socket.getaddrinfo(host, port or "5432", proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
    return [{"host": host, "hostaddr": str(one[4][0]), "port": port} for one in known]
