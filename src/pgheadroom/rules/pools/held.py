"""Databases of PgBouncers that were paused or disabled to hold somebody back, by what was written down. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandOutcome
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.pooler_hold import UNDONE_BY, PoolerHold

_UNDOES = {undoing: done for done, undoing in UNDONE_BY.items()}
_NOTHING_STANDS = frozenset({CommandOutcome.REFUSED, CommandOutcome.UNDONE})
_ENDED = frozenset({CommandOutcome.DONE, CommandOutcome.UNDONE})
"""Ours has ended also where somebody else paused or disabled it again at once: that one is theirs."""


def pooler_holds(lines: Iterable[Mapping[str, Any]]) -> tuple[PoolerHold, ...]:
    """Those that were given and not taken back, by the lines of the audit file; what is no such line is skipped."""
    held: dict[tuple[str, BouncerCommand], PoolerHold] = {}
    given: dict[str, PoolerHold] = {}
    for line in lines:
        try:
            _take(line, held, given)
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(held.values())


def _take(
    line: Mapping[str, Any], held: dict[tuple[str, BouncerCommand], PoolerHold], given: dict[str, PoolerHold]
) -> None:
    action = str(line["action"])
    if line["event"] == "intended":
        command = BouncerCommand(BouncerVerb(line["bouncer_verb"]), str(line["database"]))
        since, who = datetime.fromisoformat(line["at"]), str(line["who"]["os_user"])
        one = PoolerHold(str(line["pgbouncer"]), command, since, who)
        if command.verb in UNDONE_BY:
            given[action] = held[one.bouncer, command] = one
        elif command.verb in _UNDOES:
            given[action] = one
    elif line["event"] == "result" and action in given:
        one, outcome = given.pop(action), CommandOutcome(line["outcome"])
        if one.command.verb in UNDONE_BY and outcome in _NOTHING_STANDS:
            held.pop((one.bouncer, one.command), None)
        elif one.command.verb in _UNDOES and outcome in _ENDED:
            held.pop((one.bouncer, BouncerCommand(_UNDOES[one.command.verb], one.command.database)), None)


def still_standing(recorded: Iterable[PoolerHold], bouncers: Sequence[PgBouncer]) -> tuple[PoolerHold, ...]:
    """Those that the consoles still show."""
    return tuple(one for one in recorded if _stands(one, bouncers))


def _stands(hold: PoolerHold, bouncers: Sequence[PgBouncer]) -> bool:
    found = next((one for one in bouncers if one.name == hold.bouncer), None)
    database = found.database(hold.command.database) if found is not None else None
    if database is None:
        return False
    return database.paused if hold.command.verb is BouncerVerb.PAUSE else database.disabled
