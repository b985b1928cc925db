"""How a role can be held back in a PgBouncer: by its whole database, for there is no command for one role. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.pool import PgBouncer
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.commands import clients_by_role, command_words, consequence, forbidden, waits_for_clients
from pgheadroom.words.counts import plural
from pgheadroom.words.text import place


@dataclass(frozen=True, slots=True)
class PoolerOption:
    """A PAUSE or a DISABLE.

    Attributes:
        words, explanation: As of a `HoldOption`.
    """

    bouncer: PgBouncer
    command: BouncerCommand
    words: str
    explanation: str


def pooler_options(case: Case, role: str, protected: Collection[str]) -> Iterator[PoolerOption]:
    """For each database in which the role has clients; none for one in which somebody is who is never held back."""
    spared = {*protected, case.snapshot.door.user}
    for bouncer in case.snapshot.pgbouncers:
        for database in [one.name for one in bouncer.databases]:
            roles = clients_by_role(database, bouncer)
            if roles[role] and not spared.intersection(roles):
                yield from _options(bouncer, database, len(roles) - 1)


def _options(bouncer: PgBouncer, database: str, others: int) -> Iterator[PoolerOption]:
    verbs = [BouncerVerb.PAUSE, BouncerVerb.DISABLE]
    # What would wait for clients to leave is no help now.
    for verb in reversed(verbs) if waits_for_clients(database, bouncer) else verbs:
        command = BouncerCommand(verb, database)
        if not forbidden(command, bouncer):
            also = f", which also hits {plural(others, 'other role')}" if others else ""
            words = f"PgBouncer {place(bouncer.name)}: {command_words(command)}{also}"
            yield PoolerOption(bouncer, command, words, consequence(command, bouncer))
