"""What a dataclass can do is compiled when it is first asked to, and not when its module is loaded.

Up to Python 3.12 each method of a dataclass is compiled by itself, from text: six where it is frozen, together a fifth
of the monitor's start, and most are never called. From 3.13 on they are compiled together, and left alone here.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

_COMPILE = "_create_fn"
"""What the standard library calls the function that compiles one. Where there is none, it is done as ever."""


def put_off_methods() -> None:
    """Of all dataclasses that are defined from now on."""
    compile_now: Callable[..., Any] | None = getattr(dataclasses, _COMPILE, None)
    if compile_now is not None and not isinstance(compile_now, partial):
        setattr(dataclasses, _COMPILE, partial(_stand_in, compile_now))


def _stand_in(compile_now: Callable[..., Any], name: str, *source: Any, **names: Any) -> Callable[..., Any]:
    """Takes the place of a method until it is called."""
    compiling = partial(compile_now, name, *source, **names)

    def method(self: object, *given: Any, **named: Any) -> Any:
        compiled = compiling()
        compiled.__qualname__ = method.__qualname__
        for cls in type(self).__mro__:
            if cls.__dict__.get(name) is method:
                setattr(cls, name, compiled)
        return compiled(self, *given, **named)

    method.__name__ = name
    return method
