"""psycopg in two parts: libpq, which is all that an attempt to connect needs, and the rest, which takes as long again.

Its package begins with loading its libpq, too. Here the package waits after that, until anything else of it is wanted.
Source: the manual of Python's `importlib`, "Approximating importlib.import_module()", and PEP 562.
"""

import importlib
import importlib.util
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from pgheadroom.postgres.versions_later import put_off_metadata

_PACKAGE = "psycopg"
_FIRST = ("psycopg.pq", "psycopg.errors", "psycopg.conninfo")


def load_first_part() -> None:
    """psycopg's libpq, errors and conninfo strings, unless all of psycopg is there already."""
    spec = importlib.util.find_spec(_PACKAGE) if _PACKAGE not in sys.modules else None
    if spec is None:
        return
    if spec.origin is not None:
        put_off_metadata(Path(spec.origin).parent.parent)
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    try:
        for name in _FIRST:
            importlib.import_module(name)
    except BaseException:
        sys.modules.pop(_PACKAGE, None)
        raise
    package.__dict__["__getattr__"] = _Rest(package, spec)


class _Rest:
    """Looks up what the package does not have yet: the first time, by loading the rest of it."""

    def __init__(self, package: ModuleType, spec: ModuleSpec) -> None:
        self._package = package
        self._spec = spec
        self._one_at_a_time = threading.RLock()
        self._begun = False

    def __call__(self, name: str) -> object:
        with self._one_at_a_time:
            if not self._begun and self._spec.loader is not None:
                self._begun = True
                self._spec.loader.exec_module(self._package)
        try:
            return self._package.__dict__[name]
        except KeyError:  # while it loads, it is a module of the package that is looked for
            raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}") from None
