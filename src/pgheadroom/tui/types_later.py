"""Textual without what it documents its types with: widgets that no screen has, such as its tree of folders."""

import importlib

from pgheadroom.loaded_later import put_off


def put_off_types() -> None:
    """Until a name is asked for that is not among those that Textual itself shares."""
    shared = vars(importlib.import_module("textual._types"))
    put_off("textual.types", **{name: value for name, value in shared.items() if not name.startswith("_")})
