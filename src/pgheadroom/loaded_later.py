"""Modules that others import long before they use anything of them, if they ever do."""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType


class _Later(ModuleType):
    """Stands in for a module, until something is asked for that it does not have itself."""

    def __getattr__(self, name: str) -> object:
        if name == "__path__":  # Python asks for it at each import; only a package has it
            raise AttributeError(name)
        return getattr(load(self.__name__), name)


def put_off(name: str, **at_hand: object) -> None:
    """Load it when something of it is asked for that is not at hand. No other thread may load modules meanwhile."""
    spec = find_spec(name) if name not in sys.modules else None
    if spec is None:
        return
    later = sys.modules[name] = _Later(name)
    later.__spec__ = spec
    if spec.submodule_search_locations is not None:
        later.__path__ = spec.submodule_search_locations
    later.__dict__.update(at_hand)
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules[package], last, later)


def load(name: str) -> ModuleType:
    """The module itself."""
    if isinstance(sys.modules.get(name), _Later):
        del sys.modules[name]
    return importlib.import_module(name)
