"""What can go wrong in a way the user should hear in one line, and the exit codes it leads to."""

EXIT_OK = 0
EXIT_NOT_ALL = 1
EXIT_USAGE = 2
EXIT_NO_CONNECTION = 3
EXIT_BUG = 70
"""A mistake of ours: `EX_SOFTWARE` of sysexits.h, so that no caller takes it for an answer."""
EXIT_INTERRUPTED = 130


class PgHeadroomError(Exception):
    """An error whose text is one clear line for the user."""

    exit_code = 1


class UsageError(PgHeadroomError):
    """A wrong flag, a wrong configuration file, a missing terminal."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """A mistake in the configuration, with the file, the line where it is known, and what is allowed."""


class AuditFailed(PgHeadroomError):  # noqa: N818 - it is what happened, in the user's words
    """The audit file could not be written before an action, so the action did not happen."""


class WrongDocument(PgHeadroomError):  # noqa: N818 - it is what was met
    """What was read is not the form in which we write samples, or a newer one.

    Attributes:
        complaint: What is wrong, without where; begins with a verb.
        path: Keys that lead there, from the outside in.
    """

    def __init__(self, complaint: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{'.'.join(path) or 'the document'} {complaint}")
        self.complaint = complaint
        self.path = path

    def within(self, key: str) -> "WrongDocument":
        """The same, seen from one level further out."""
        return WrongDocument(self.complaint, (key, *self.path))


class NoConnection(PgHeadroomError):  # noqa: N818 - it is what happened, in the user's words
    """The server could not be reached, or refused us.

    Attributes:
        full: True when the refusal says that no slot is left (SQLSTATE 53300 in the field's words).
        password_needed: True when the server asked for a password that was not given.
    """

    exit_code = EXIT_NO_CONNECTION

    def __init__(self, message: str, *, full: bool = False, password_needed: bool = False) -> None:
        super().__init__(message)
        self.full = full
        self.password_needed = password_needed
