"""What libpq says when a connection fails, in one line for the user. Pure.

psycopg gives no SQLSTATE for a failed connection, only libpq's text: several lines, twice over with `sslmode=prefer`,
once more for each address of a host. Texts: PostgreSQL 13 to 18 and PgBouncer 1.12 to 1.25. A server speaks the
language of its `lc_messages`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pgheadroom.conninfo import at_port
from pgheadroom.model.refusal import Hindrance, RefusedBy
from pgheadroom.postgres import clear_text, translated
from pgheadroom.postgres.startup_packet import ServerError

_ENGLISH: tuple[tuple[str | re.Pattern[str], RefusedBy], ...] = (
    (r"sorry, too many clients already", RefusedBy.SERVER),
    # The words in capitals, and the role's name, are the same in every language (16+).
    (r"pg_use_reserved_connections", RefusedBy.RESERVE),
    # Amazon RDS has reserves of its own, for itself (16+) or for its customers' administrators.
    (r"reserved for .*\b(?P<name>rds_\w+)", RefusedBy.RESERVE),
    (r"reserved for non-replication superuser|\bSUPERUSER\b", RefusedBy.SUPERUSER_RESERVE),
    (r'too many connections for role "(?P<name>.*)"', RefusedBy.ROLE),
    (r'too many connections for database "(?P<name>.*)"', RefusedBy.DATABASE),
    (r"\bmax_wal_senders\b", RefusedBy.WALSENDERS),
    (r"no more connections allowed|client connections exceeded", RefusedBy.POOLER),
)
_ROUTINES = {
    "InitProcess": RefusedBy.SERVER,
    "InitializeSessionUserId": RefusedBy.ROLE,
    "CheckMyDatabase": RefusedBy.DATABASE,
    # Where the postmaster's child says that the postmaster should not have started it: up to 16, and from 17 on.
    "ProcessStartupPacket": RefusedBy.PROCESSES,
    "BackendInitialize": RefusedBy.PROCESSES,
}
NO_ROOM = "53300"
"""SQLSTATE too_many_connections."""
CANNOT_CONNECT_NOW = "57P03"
_NO_PASSWORD = re.compile(r"no password supplied|needs? password|password is required|empty password")
# In every language libpq puts two blanks behind the severity; a server whose LC_CTYPE is C may send nothing but "?".
_FROM_SERVER = re.compile(r"(?:(?:FATAL|ERROR|PANIC):\s+|(?:^|failed: )[^\s:]+:  )(?P<reason>.*)", re.DOTALL)
_AT_HOST = re.compile(r'server at "(?P<host>[^"]+)"(?: \([^)]*\))?, port (?P<port>\d+)')
_ON_SOCKET = re.compile(r'server on socket "(?P<folder>[^"]*)/\.s\.PGSQL\.(?P<port>\d+)"')
_PREAMBLE = re.compile(r"^.*(?:connection to server (?:at|on) .*? failed:|connection failed:)\s*", re.DOTALL)
_GOES_DOWN_OR_UP = re.compile(
    r'(?:connection failed: )?connection to server (?:at|on socket) "[^"]*"[^"]*? failed: '
    r"(?:FATAL:\s+the database system is |Connection refused|No such file or directory)"
)
"""What is heard again and again while a server restarts. The texts of all languages are not looked for then: to prepare
them takes ten milliseconds, and after a crash there may be no more until others have the slots."""
_LIST_OF_ATTEMPTS = "Multiple connection attempts failed. All failures were:"
_NOT_RESOLVED = re.compile(r"failed to resolve host '?(?P<host>[^':]+)'?")

_MEANING = (
    (r"sorry, too many clients already", "no slot is left, not even a reserved one"),
    (r"reserved for roles with privileges of|reserved for .*\brds_", "only reserved slots are left"),
    (r"reserved for (?:non-replication superuser|roles with the SUPERUSER)", "only superusers get in"),
    (r"no more connections allowed", "PgBouncer is full"),
    (r"client connections exceeded", "PgBouncer is full for us"),
    (r'"none"', "it wants more than our name, and a door that was not named is given nothing"),
    (r"query_wait_timeout", "PgBouncer got no server connection in time"),
    (r"cannot connect to server|server login has been failing", "PgBouncer does not reach PostgreSQL"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """Why a connection failed.

    Attributes:
        message: One line.
        limit: What refused us.
        name: Of the role or database whose limit that was.
        password_needed: A password was asked for, and none was given.
        by_server: A server or a pooler said it; else it is libpq's, and nobody was reached.
        hindrance: What kind of thing it is.
    """

    message: str
    limit: RefusedBy = RefusedBy.OTHER
    name: str = ""
    password_needed: bool = False
    by_server: bool = False
    hindrance: Hindrance = Hindrance.LOGIN

    @property
    def full(self) -> bool:
        """The server or the pooler says that it has no room."""
        return self.limit is not RefusedBy.OTHER


def refusal(text: str, where: str = "") -> Said:
    """Read libpq's text. `where` is used when the text does not name the server itself."""
    told = max(_attempts(text), key=_how_telling)
    place = _place(told) or where
    reason = _reason(told)
    limit, name = limit_of(told)
    return Said(
        f"{place}: {reason}" if place else reason,
        limit,
        name,
        password_needed=bool(_NO_PASSWORD.search(told)),
        by_server=bool(_FROM_SERVER.search(told)),
        hindrance=_hindrance(told, limit),
    )


def _hindrance(told: str, limit: RefusedBy) -> Hindrance:
    if limit is not RefusedBy.OTHER:
        return Hindrance.NO_ROOM
    return next((kind for words, kind in _HINDRANCES if re.search(words, told)), Hindrance.LOGIN)


_NO_LIBRARY = r"could not (?:access|load|open) (?:file|library|directory)"
"""A server's own words about a file that it lacks, for instance one of session_preload_libraries: it does listen."""
_HINDRANCES = (
    (_NO_LIBRARY, Hindrance.LOGIN),
    (r"the database system is|not (?:currently|yet) accepting connections", Hindrance.OPENING),
    (r"Connection refused|No such file or directory", Hindrance.DOWN),
    (
        r"closed the connection unexpectedly|unexpected eof|EOF detected|Connection reset|Broken pipe"
        r"|terminating connection",
        Hindrance.DOWN,
    ),
    (r"failed to resolve host|could not translate host name", Hindrance.UNKNOWN_HOST),
    (r"No route to host|Network is unreachable|Host is down", Hindrance.NO_ROUTE),
    (r"timeout expired|Connection timed out|still hang", Hindrance.SILENCE),
)
"""libpq's and the system's words, which Python leaves in English, and the server's. Its "the database system is ..." is
SQLSTATE 57P03 in whatever way it ends; in another language a startup packet tells."""


def limit_of(text: str) -> tuple[RefusedBy, str]:
    """What refused us, and the name of the role or database whose limit it was."""
    if _GOES_DOWN_OR_UP.match(text):
        return RefusedBy.OTHER, ""
    for pattern, limit in (*_ENGLISH, *translated.patterns()):
        if found := re.search(pattern, text):
            return limit, found.groupdict().get("name") or ""
    return RefusedBy.OTHER, ""


def limit_of_error(error: ServerError) -> tuple[RefusedBy, str]:
    """As `limit_of`, from what a startup packet got for an answer, which tells more than its text."""
    limit, name = limit_of(error.message)
    if error.sqlstate != NO_ROOM or limit in (RefusedBy.POOLER, RefusedBy.WALSENDERS):
        return limit, name
    if limit is RefusedBy.OTHER and error.routine == "InitPostgres":
        # Both newer texts have a word that is never translated, so that this is the one of 13 to 15.
        limit = RefusedBy.SUPERUSER_RESERVE
    limit = _ROUTINES.get(error.routine, limit)
    return (RefusedBy.UNCLEAR if limit is RefusedBy.OTHER else limit), name


def _attempts(text: str) -> list[str]:
    """One text for each address and each try; libpq puts the tries of one address on lines of their own."""
    text = text.partition(_LIST_OF_ATTEMPTS)[2] or text
    text = text.replace("\n- host: ", "\nconnection failed: - host: ")
    pieces = re.split(r"\n(?=connection (?:to server|failed))", text.strip())
    return [piece.strip() for piece in pieces if piece.strip()] or [text]


def _how_telling(attempt: str) -> int:
    """A server that answers tells more than one that does not."""
    if limit_of(attempt)[0] is not RefusedBy.OTHER:
        return 4
    if _NO_PASSWORD.search(attempt) or clear_text.was_refused(attempt):
        return 3
    return 2 if _FROM_SERVER.search(attempt) else 1


def _place(attempt: str) -> str:
    if found := _AT_HOST.search(attempt):
        return at_port(found["host"], found["port"])
    if found := _ON_SOCKET.search(attempt):
        return place_of_socket(found["folder"], found["port"])
    return ""


def place_of_socket(folder: str, port: str) -> str:
    """How a Unix socket is called: by its folder, and its port where it is not the usual one."""
    return folder if port in ("", "5432") else f"{folder}:{port}"


def _reason(attempt: str) -> str:
    if found := _NOT_RESOLVED.search(attempt):
        return f'no such host: "{found["host"]}"'
    if found := _FROM_SERVER.search(attempt):
        said = _first_lines([found["reason"]])
    else:
        said = _first_lines([_PREAMBLE.sub("", attempt)])
    return _explained(_in_our_words(said))


def _first_lines(texts: Iterable[str]) -> str:
    """The first line of a text that has one: libpq's hints and DETAILs follow on lines of their own."""
    for text in texts:
        for line in text.strip().splitlines():
            if line.strip():
                return line.strip()
    return "the connection failed"


def _in_our_words(said: str) -> str:
    if not re.search(_NO_LIBRARY, said) and ("Connection refused" in said or "No such file or directory" in said):
        return f"nobody listens there ({said[0].lower()}{said[1:]})"
    if "timeout expired" in said or "Connection timed out" in said:
        return "no answer in time"
    if clear_text.was_refused(said):
        return (
            "it asks for the password in clear text, and the line is not encrypted: sslmode=require encrypts it, "
            "require_auth=password sends it all the same"
        )
    if _NO_PASSWORD.search(said):
        return "a password is needed"
    return said


def _explained(said: str) -> str:
    for pattern, meaning in _MEANING:
        if re.search(pattern, said):
            return f"{said} ({meaning})"
    return said
