"""Methods that a dataclass compiles when they are first called are those that it would have compiled at once."""

import dataclasses
import sys
from dataclasses import FrozenInstanceError, dataclass, field, replace
from functools import partial
from types import FunctionType

import pytest

from pgheadroom.methods_later import put_off_methods

COMPILED_ONE_BY_ONE = sys.version_info < (3, 13)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = getattr(dataclasses, "_create_fn", None)
    if now is not None:  # a test of a command may have put them off already
        monkeypatch.setattr(dataclasses, "_create_fn", now.args[0] if isinstance(now, partial) else now)
    put_off_methods()
    put_off_methods()


@pytest.mark.usefixtures("later")
def test_a_dataclass_is_what_it_would_be() -> None:
    @dataclass(frozen=True, slots=True, order=True)
    class Place:
        row: int
        names: tuple[str, ...] = field(default=(), repr=False)
        seen: dict[str, int] = field(default_factory=dict, compare=False)

    @dataclass(frozen=True)
    class Named(Place):
        name: str = "x"

        def __post_init__(self) -> None:
            assert self.row > 0

    first = Named(1, ("a",), name="y")
    assert first == replace(Named(2, name="y"), row=1, names=("a",))
    assert (hash(first), first.seen) == (hash(Named(1, ("a",), {"b": 1}, "y")), {})
    assert first != Named(1)
    assert first != Place(1, ("a",))
    assert Place(1) < Place(2)
    assert sorted([Place(3), Place(1)])[0].row == 1
    assert repr(first).endswith("Named(row=1, seen={}, name='y')")
    with pytest.raises(FrozenInstanceError):
        first.row = 5  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del first.row
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'row'"):
        Place()  # type: ignore[call-arg]


@pytest.mark.skipif(not COMPILED_ONE_BY_ONE, reason="it compiles them together")
@pytest.mark.usefixtures("later")
def test_what_was_called_is_compiled_and_the_rest_is_not() -> None:
    @dataclass
    class Point:
        x: int

    assert Point(1) == Point(1)
    compiled = {name for name in ("__init__", "__eq__", "__repr__") if _compiled_as(vars(Point)[name]) != "method"}
    assert compiled == {"__init__", "__eq__"}
    assert Point.__init__.__qualname__.endswith("Point.__init__")


def _compiled_as(method: FunctionType) -> str:
    return getattr(method, "__wrapped__", method).__code__.co_name
