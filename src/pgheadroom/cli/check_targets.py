"""Which servers `pgheadroom check` is asked to look at."""

import argparse
import os

from pgheadroom.cli.connection import configuration_of, settings_of, settings_of_target
from pgheadroom.config import Settings
from pgheadroom.errors import UsageError


def targets(flags: argparse.Namespace) -> list[Settings]:
    """One, or with `--all` every one of the configuration.

    Raises:
        UsageError: A flag, a file or a variable is wrong.
    """
    if not flags.all:
        return [settings_of(flags, os.environ)]
    if flags.words:
        raise UsageError("--all checks every target of the configuration: name none beside it")
    configuration = configuration_of(flags, os.environ)
    if not configuration.targets:
        raise UsageError("--all: the configuration has no targets")
    return [settings_of_target(name, flags, os.environ) for name in configuration.targets]
