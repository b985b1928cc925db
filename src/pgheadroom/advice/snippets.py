"""A pool's configuration for an application's library, with the numbers of this server."""

import re
from importlib import resources

from pgheadroom.advice.bouncer_plan import Upstream
from pgheadroom.model.advice import PoolNeed

LIBRARIES = {
    "psycopg_pool": "psycopg_pool.py.txt",
    "psycopg2": "psycopg2.py.txt",
    "sqlalchemy": "sqlalchemy.py.txt",
    "node-postgres": "node-postgres.js.txt",
    "hikaricp": "hikaricp.java.txt",
}
_UNPREPARED = {
    "psycopg_pool": ', "prepare_threshold": None',
    "sqlalchemy": ', "prepare_threshold": None',
    "hikaricp": '        config.addDataSourceProperty("prepareThreshold", "0");\n',
}
"""What makes it prepare nothing: behind a pooler in transaction mode that does not follow prepared statements."""


def snippet(library: str, need: PoolNeed, upstream: Upstream, *, prepared: bool) -> str:
    """To be put into an application. A name that would need quotes in one of these languages is left to the reader.

    Args:
        prepared: Whether prepared statements of the protocol reach the server that prepared them.
    """
    values = {
        "whose": f"{_plain(need.user)}/{_plain(need.application)}",
        "size": str(need.of_each),
        "instances": f"{need.instances} clients" if need.instances > 1 else "one client",
        "host": _plain(upstream.host) or "localhost",
        "port": str(upstream.port),
        "database": _plain(need.database),
        "user": _plain(need.user),
        "application": _plain(need.application) or "APPLICATION",
        "unprepared": "" if prepared else _UNPREPARED.get(library, ""),
    }
    text = resources.files(__package__).joinpath("snippets", LIBRARIES[library]).read_text("utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text).rstrip("\n")


def _plain(name: str) -> str:
    """The name where it needs no quotes in any of the languages, else a word that says what to put there."""
    return name if re.fullmatch(r"[\w./*: -]*", name, re.ASCII) else "NAME"
