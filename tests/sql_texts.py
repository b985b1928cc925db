"""Every text that `postgres.queries` makes of our SQL files: of each question, for each version in which it changes."""

import re
from importlib import resources
from typing import NamedTuple

from pgheadroom.postgres.queries import Statement, query

_SQL = resources.files("pgheadroom.postgres").joinpath("sql")
FILES = sorted(file.name for file in _SQL.iterdir())


class Text(NamedTuple):
    """A text, by what it is asked for; `since` is the lowest version that gets it."""

    name: str
    since: int
    form: str = ""

    @property
    def statement(self) -> Statement:
        return query(self.name, self.since, self.form)

    def __str__(self) -> str:
        return "-".join(str(part) for part in self if part)


def content(file: str) -> str:
    """What is in a file."""
    return _SQL.joinpath(file).read_text("ascii")


def _texts_of(file: str) -> list[Text]:
    name, minimum = re.fullmatch(r"(.*?)(?:_(\d{6}))?\.sql", file).groups()  # type: ignore[union-attr]
    since = {
        int(minimum or 0),
        *(10_000 * int(major) for major in re.findall(r"-- from (\d+) on$", content(file), re.M)),
    }
    forms = sorted(set(re.findall(r"-- for (\w+)$", content(file), re.M))) or [""]
    return [Text(name, version, form) for version in sorted(since) for form in forms]


TEXTS = [text for file in FILES for text in _texts_of(file)]
