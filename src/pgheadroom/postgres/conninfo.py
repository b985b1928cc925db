"""Connection strings as libpq reads them: taken apart, put together, and named without their secrets."""

import re
from collections.abc import Mapping

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import ProgrammingError

from pgheadroom.conninfo import holds_password, is_conninfo
from pgheadroom.errors import UsageError

NO_FILE = "/dev/null/none"
"""A path that cannot be: as a password file it is read as none, where one that is no plain file is complained of."""
_NAMES = ("host", "hostaddr", "user", "dbname", "service")


def parse(text: str) -> dict[str, str]:
    """The parameters that a conninfo, a URI or a bare database name sets, nothing filled in.

    Raises:
        UsageError: libpq cannot read it. A string that holds a password is not quoted in the message.
    """
    _check_encoding(text)
    if not is_conninfo(text):
        return {"dbname": text} if text else {}
    try:
        parameters = {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError as error:
        raise UsageError(f"connection string: {_reason(text, error)}") from None
    if mistake := _astray(text, parameters):
        raise UsageError(f"connection string: {mistake}")
    return parameters


_IN_NAMES = re.compile(r"\w+://(?:[^@/]*@)?+[^?]*@")
"""An "@" in the host, the port or the database of a URI. The user's part ends for libpq at the first "@" that no "/"
comes before; one of the parameters behind the "?" may have another."""


def _check_encoding(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("connection string: it is not UTF-8 (not shown, it may hold a password)") from None


def _astray(text: str, parameters: Mapping[str, str]) -> str:
    """What is wrong when a piece of a password may have become the name of something, which would be shown.

    Passwords are often generated, and people forget to escape them. Nothing is quoted.
    """
    if "@" in parameters.get("host", ""):
        return '"@" in a host; an "@" within a password is written %40 in a URI'
    if not re.fullmatch(r"[\d,]*", parameters.get("port", "")):
        return "the port is not a number; a / within a password is written %2F in a URI"
    if _IN_NAMES.match(text):
        return '"@" behind a /; within a password they are written %40 and %2F in a URI'
    if any(";" in value and "=" in value for key, value in parameters.items() if key in _NAMES):
        return "blanks are between the parameters, not semicolons"
    return ""


def _reason(text: str, error: ProgrammingError) -> str:
    # libpq quotes the piece it stumbled over, and near a password that piece may be the password.
    if holds_password(text) or "@" in text or "pass" in text.lower():
        return "libpq cannot read it (not shown, it may hold a password)"
    return str(error).strip()


def compose(parameters: Mapping[str, str]) -> str:
    """One conninfo string with these parameters.

    Raises:
        UsageError: They are not UTF-8.
    """
    for value in parameters.values():
        _check_encoding(str(value))
    return make_conninfo("", **parameters)


def merge(*texts_or_parameters: str | Mapping[str, str]) -> str:
    """One conninfo string; what comes later wins, parameter by parameter.

    Raises:
        UsageError: As `parse`.
    """
    merged: dict[str, str] = {}
    for part in texts_or_parameters:
        merged |= parse(part) if isinstance(part, str) else part
    return compose(merged)


def label(text: str) -> str:
    """How a connection is called on a screen: user, host, port and database that were given, never a secret.

    Raises:
        UsageError: As `parse`.
    """
    given = parse(text)
    host = given.get("host") or given.get("hostaddr") or ""
    if not host and "service" in given:
        host = f"service {given['service']}"
    place = f"{host}:{given['port']}" if "port" in given else host
    who = f"{given['user']}@" if "user" in given else ""
    database = given.get("dbname", "")
    return f"{who}{place}{'/' if place and database else ''}{database}" or "default server"
