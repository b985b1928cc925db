"""What `pgheadroom hold` can ask of a PgBouncer."""

import argparse

from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.pooler_hold import UNDONE_BY

VERBS = (*UNDONE_BY, *UNDONE_BY.values())


def asked_command(flags: argparse.Namespace) -> BouncerCommand | None:
    """What `--pause DB` and its like ask for; None where none is given."""
    asked = [BouncerCommand(verb, name) for verb in VERBS if (name := getattr(flags, verb.lower())) is not None]
    return asked[0] if asked else None


def flag(verb: BouncerVerb) -> str:
    return f"--{verb.lower()}"
