"""An attempt to connect that failed: what was said, and where it had got to."""

from contextlib import suppress

from psycopg.errors import Error

from pgheadroom.errors import NoConnection
from pgheadroom.model.refusal import Hindrance
from pgheadroom.postgres.refusal import Said, refusal
from pgheadroom.postgres.startup_packet import Address

_ABOUT_THE_LINE = (b"sslmode", b"replication")


class NotLetIn(NoConnection):
    """An attempt to connect that failed, with what it left behind.

    Attributes:
        said: The reason, read.
        address: Where libpq had got to; None when it did not get that far.
    """

    def __init__(self, said: Said, address: Address | None, *, password_needed: bool = False) -> None:
        super().__init__(said.message, full=said.full, password_needed=password_needed)
        self.said = said
        self.address = address


def no_connection(error: Error, where: str) -> NotLetIn:
    """psycopg's error as ours: one line, classified."""
    found = refusal(str(error), where)
    needed = found.password_needed or bool(error.pgconn and error.pgconn.needs_password)
    return NotLetIn(found, address_of(error), password_needed=needed)


def hindrance_of(failure: NoConnection) -> Hindrance:
    """What kind of thing an attempt met."""
    if isinstance(failure, NotLetIn):
        return failure.said.hindrance
    if "no answer" in str(failure):
        return Hindrance.SILENCE
    return Hindrance.DOWN if "lost" in str(failure) else Hindrance.LOGIN


def address_of(error: Error) -> Address | None:
    """Where the connection that failed was going to, as libpq worked it out; nothing secret."""
    if error.pgconn is None:
        return None
    pgconn = error.pgconn
    with suppress(Error, ValueError):
        # Of all the options, which hold the password too, only these two are looked at.
        chosen = {option.keyword: option.val for option in pgconn.info if option.keyword in _ABOUT_THE_LINE}
        return Address(
            host=(pgconn.hostaddr or pgconn.host).decode(),
            port=int(pgconn.port),
            user=pgconn.user.decode(),
            database=pgconn.db.decode(),
            sslmode=(chosen.get(b"sslmode") or b"prefer").decode(),
            replication=bool(chosen.get(b"replication")),
        )
    return None
