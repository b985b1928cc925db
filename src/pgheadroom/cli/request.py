"""What one run of a command that acts is asked to do."""

import argparse
from dataclasses import dataclass

from pgheadroom.audit import Audit
from pgheadroom.config import Settings


@dataclass(frozen=True, slots=True)
class Request:
    """Shared by those that signal and those that hold back."""

    flags: argparse.Namespace
    settings: Settings
    audit: Audit

    @property
    def in_earnest(self) -> bool:
        """Whether anything may be done. When both are given, the harmless flag wins."""
        return bool(self.flags.yes and not self.flags.dry_run)

    @property
    def as_json(self) -> bool:
        return bool(self.flags.format == "json")
