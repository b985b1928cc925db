"""The SQL, a file for each question.

A line may be for some servers only, or for one form of the question; its comment says so: `-- from 14 on`,
`-- before 14`, `-- for cancel`. Where more differs there is a second file: `roles.sql` serves every version,
`roles_160000.sql` those from 16 on.
"""

import re
from functools import cache
from importlib import resources

from pgheadroom.postgres.shape import Shape

_ONLY = re.compile(r"from (\d+) on|before (\d+)|for (\w+)")


class Statement(bytes):
    """A statement as it is sent.

    Attributes:
        shape: What its answer must look like; None where that is not said.
    """

    shape: Shape | None = None


@cache
def query(name: str, version_num: int, form: str = "") -> Statement:
    """The text of a question for a server, without comments.

    Args:
        version_num: The server's `server_version_num`.
        form: Of a question that has several.

    Raises:
        LookupError: when there is no file for it.
    """
    return _text(_newest(name, version_num), version_num, form)


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


def _text(file: str, version_num: int, form: str) -> Statement:
    """Comments are for readers of the file; every byte sent is sent each second."""
    text = resources.files(__package__).joinpath("sql", file).read_text("ascii")
    parts = (line.partition("--") for line in text.splitlines())
    lines = (code.strip() for code, _, comment in parts if _is_for(comment.strip(), version_num, form))
    statement = Statement(" ".join(line for line in lines if line).encode())
    statement.shape = Shape.read(text.partition("\n")[0])
    return statement


def _is_for(comment: str, version_num: int, form: str) -> bool:
    """Whether the line with this comment is for this server, and for this form."""
    only = _ONLY.fullmatch(comment)
    if only is None:
        return True
    since, before, wanted = only.groups()
    if wanted:
        return bool(wanted == form)
    major = version_num // 10_000
    return major >= int(since) if since else major < int(before)
