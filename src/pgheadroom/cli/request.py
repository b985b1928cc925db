"""What one run of a command that acts is asked to do."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgheadroom.config import Settings

if TYPE_CHECKING:
    from pgheadroom.audit import Audit


def in_earnest(flags: argparse.Namespace) -> bool:
    """Whether anything may be done. When both are given, the harmless flag wins."""
    return bool(flags.yes and not flags.dry_run)


@dataclass(frozen=True, slots=True)
class Request:
    """Shared by those that signal and those that hold back."""

    flags: argparse.Namespace
    settings: Settings
    audit: "Audit"

    @property
    def in_earnest(self) -> bool:
        return in_earnest(self.flags)

    @property
    def as_json(self) -> bool:
        return bool(self.flags.format == "json")
