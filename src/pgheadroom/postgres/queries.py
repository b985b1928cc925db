"""The SQL, one file for each question and minimum version.

`locks.sql` serves every version, `locks_140000.sql` those from 14 on.
"""

import re
from functools import cache
from importlib import resources

from pgheadroom.postgres.shape import Shape


class Statement(bytes):
    """A statement as it is sent.

    Attributes:
        shape: What its answer must look like; None where that is not said.
    """

    shape: Shape | None = None


@cache
def query(name: str, version_num: int) -> Statement:
    """The text of a question for a server, without comments.

    Args:
        version_num: The server's `server_version_num`.

    Raises:
        LookupError: when there is no file for it.
    """
    return _text(_newest(name, version_num))


def _newest(name: str, version_num: int) -> str:
    """The file with the highest minimum version that is not above the server's."""
    suitable = {minimum: file for minimum, file in _files().get(name, {}).items() if minimum <= version_num}
    if not suitable:
        raise LookupError(f"no query {name} for version {version_num}")
    return suitable[max(suitable)]


@cache
def _files() -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for file in resources.files(__package__).joinpath("sql").iterdir():
        if match := re.fullmatch(r"([a-z_]+?)(?:_(\d{6}))?\.sql", file.name):
            found.setdefault(match[1], {})[int(match[2] or 0)] = file.name
    return found


def _text(file: str) -> Statement:
    """Comments are for readers of the file; every byte sent is sent each second."""
    text = resources.files(__package__).joinpath("sql", file).read_text("ascii")
    lines = (line.split("--")[0].strip() for line in text.splitlines())
    statement = Statement(" ".join(line for line in lines if line).encode())
    statement.shape = Shape.read(text.partition("\n")[0])
    return statement
