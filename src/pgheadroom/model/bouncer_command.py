"""Commands to a PgBouncer, and what came of them."""

from dataclasses import dataclass
from enum import StrEnum

from pgheadroom.model.bouncer import BouncerClient


class BouncerVerb(StrEnum):
    """Those of the admin console's commands that we give; each is about one database or one client, but RELOAD.

    SUSPEND, SHUTDOWN and SET are left to who knows what they do: they reach every application at once.
    """

    PAUSE = "PAUSE"
    RESUME = "RESUME"
    DISABLE = "DISABLE"
    ENABLE = "ENABLE"
    RECONNECT = "RECONNECT"
    KILL = "KILL"
    KILL_CLIENT = "KILL_CLIENT"
    RELOAD = "RELOAD"


@dataclass(frozen=True, slots=True)
class BouncerCommand:
    """What is to be done.

    Attributes:
        database: PgBouncer's name for it. Empty for KILL_CLIENT and RELOAD, and for a RESUME of all of PgBouncer.
        client: Of a KILL_CLIENT.
    """

    verb: BouncerVerb
    database: str = ""
    client: BouncerClient | None = None


class CommandOutcome(StrEnum):
    """What came of a command.

    `UNDONE` is a PAUSE that did not come about in time and was taken back with RESUME, or a command that somebody else
    undid at once; `UNCERTAIN` a command that was sent, and whose answer was not heard.
    """

    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class CommandResult:
    """`message` is a sentence where there is more to say; it is safe to show."""

    command: BouncerCommand
    outcome: CommandOutcome
    message: str = ""
