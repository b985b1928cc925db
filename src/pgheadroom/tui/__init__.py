"""The live monitor's screens."""

from pgheadroom.tui.types_later import put_off_types

put_off_types()
