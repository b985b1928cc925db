"""No password in clear text over a line that others can read, or to a listener that nobody vouches for.

libpq does what it is asked: where `md5` and SCRAM would prove that we know the password, a listener that asks for it
gets it. `require_auth` (libpq 16) forbids that; an older libpq is handed the server's messages one by one.
"""

import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping

from psycopg.errors import OperationalError

RULE = "!password"
"""libpq's word for: any authentication but a password in clear text."""
_MODES_WITH_TLS = frozenset({"require", "verify-ca", "verify-full"})
_MAY_DO_TLS = frozenset({"allow", "prefer"})
_REFUSED = re.compile(r'"[^"]*!password[^"]*"')
_CLEAR_TEXT = struct.pack("!i", 3)
_LONGEST = 30_000


def rule_for(options: Mapping[str, str]) -> dict[str, str]:
    """What forbids it: nothing where every line is encrypted, or where the user has said what is allowed.

    Args:
        options: As libpq reads them.
    """
    said = options.get("require_auth", "")
    allowed = said and ("!" not in said or RULE in said)
    if allowed or (options.get("sslmode") in _MODES_WITH_TLS and not over_socket(options)):
        return {}
    return {"require_auth": f"{said},{RULE}" if said else RULE}


def over_socket(options: Mapping[str, str]) -> bool:
    """Whether the first host is a Unix socket."""
    return not options.get("hostaddr") and options.get("host", "/")[:1] in ("/", "@", "")


def second_way(options: Mapping[str, str], vouched: str) -> dict[str, str] | None:
    """What to try once more with when the rule has refused: where it may be in clear text after all.

    Args:
        vouched: Of a Unix socket: the user that it belongs to, if that is one who may hear the password.
    """
    if over_socket(options):
        return {"requirepeer": vouched} if vouched else None
    return {"sslmode": "require"} if options.get("sslmode") in _MAY_DO_TLS else None


def was_refused(text: str) -> bool:
    """Whether libpq says that the rule ended the attempt, in whatever language."""
    return bool(_REFUSED.search(text))


# --- libpq before 16 -------------------------------------------------------------------------------------------------


def lines_of_an_older_libpq(options: Mapping[str, str]) -> Iterator[tuple[dict[str, str], bool]]:
    """How each address is tried where libpq has no `require_auth`: what is added, and whether we listen in.

    One cannot listen in on TLS, so that the attempts that libpq makes of one are two.
    """
    plain = {"sslmode": "disable", "gssencmode": "disable"}
    mode = options.get("sslmode", "prefer")
    if not rule_for(options):
        yield {}, False
    elif over_socket(options) or mode not in _MAY_DO_TLS:
        yield plain, True
    else:
        tls = {"sslmode": "require"}
        yield from ([(tls, False), (plain, True)] if mode == "prefer" else [(plain, True), (tls, False)])


class Listening:
    """A server's messages on their way to libpq, which gets each as a whole, and no request for a clear password.

    libpq's descriptor is made one end of a pair of sockets, of which we have the other, until the login is over. To
    look into the kernel's buffer before libpq reads it would leave a moment in between.
    """

    def __init__(self, descriptor: int) -> None:
        """Args:
        descriptor: libpq's, with nothing read from it yet.
        """
        self._descriptor = descriptor
        self.server = socket.socket(fileno=os.dup(descriptor))
        self._ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            os.dup2(theirs.fileno(), descriptor)
        self._ours.setblocking(False)
        self._read = b""
        self._raw = self._over = False

    def exchange(self) -> None:
        """Hand on what libpq wrote, then what the server said.

        Raises:
            OperationalError: The server asks for a password in clear text.
            OSError: The line is broken.
        """
        self._to_server()
        try:
            data = self.server.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self._ours.shutdown(socket.SHUT_WR)
            self._over = True
        self._read += data
        self._to_libpq()

    def _to_server(self) -> None:
        try:
            data = self._ours.recv(65536)
        except BlockingIOError:
            return
        self.server.sendall(data)  # a login is some hundred bytes: the line takes them at once

    def _to_libpq(self) -> None:
        while len(self._read) >= 5 or (self._raw and self._read):
            kind, length = (b"E", 0) if self._raw else struct.unpack("!ci", self._read[:5])
            if not 4 <= length <= _LONGEST:
                if kind != b"E":
                    raise OperationalError("connection failed: what answers is no PostgreSQL")
                # Text alone, as servers without the means for a message send it: libpq reads it as such, and hangs up.
                self._raw = True
                self._hand_on(len(self._read))
                return
            if len(self._read) < length + 1:
                return
            if kind == b"R" and self._read[5:9] == _CLEAR_TEXT:
                raise OperationalError(f'connection failed: "{RULE}": the server asks for the password in clear text')
            self._hand_on(length + 1)

    def _hand_on(self, size: int) -> None:
        self._ours.sendall(self._read[:size])
        self._read = self._read[size:]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What to wait for besides libpq's own."""
        return () if self._over else (self.server.fileno(), self._ours.fileno())

    def end(self) -> None:
        """Give libpq its line back."""
        self._to_server()
        os.dup2(self.server.fileno(), self._descriptor)
        self.close()

    def close(self) -> None:
        self.server.close()
        self._ours.close()
