"""A command to a PgBouncer: written down, given, and written down with what came of it."""

from dataclasses import dataclass

from pgheadroom.acting.lost_answers import came_of_it
from pgheadroom.audit import Audit
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.model.bouncer_command import BouncerCommand, CommandOutcome, CommandResult
from pgheadroom.model.ports import Commands
from pgheadroom.rules.pools.commands import command_words

_INTERRUPTED = "interrupted: whether it came about is not known; a PAUSE that waits is taken back"


@dataclass(frozen=True, slots=True)
class Given:
    """A command that was given, or refused.

    Attributes:
        trouble: Why its result could not be written down; empty when it was.
    """

    result: CommandResult
    trouble: str = ""

    @property
    def sentence(self) -> str:
        """What came of it, and what the audit file lacks of it."""
        result = self.result
        return f"{command_words(result.command)}: {came_of_it(result.outcome, result.message, self.trouble)}"


async def give(command: BouncerCommand, bouncer: str, expected: str, commands: Commands | None, audit: Audit) -> Given:
    """Give a command to the PgBouncer of this name. What it did is seen in the next sample.

    Args:
        expected: What the user was told that it does.

    Raises:
        AuditFailed: It cannot be written down, and was not given.
        UsageError: There is nobody to give it.
    """
    if commands is None:
        raise UsageError("no PgBouncer can be commanded")
    audit_id = audit.intend_command(bouncer, command_words(command), expected, command.verb.value, command.database)
    try:
        result = await commands.command(bouncer, command)
    except PgHeadroomError as error:
        result = CommandResult(command, CommandOutcome.REFUSED, str(error))
    except BaseException:
        audit.complete_command(audit_id, CommandOutcome.UNCERTAIN, _INTERRUPTED)
        raise
    return Given(result, audit.complete_command(audit_id, result.outcome, result.message))
