"""A prepared transaction rolled back: looked at, ended, and looked for again.

ROLLBACK PREPARED takes no values, and stands in no transaction, so that it cannot be in one statement with the look.
The server itself lets only one of several have it. What is left is a moment in which its manager could end it and
prepare another one of the same name; the moment of preparation is compared right before.
"""

import re

from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.postgres.actions import known_as
from pgheadroom.postgres.exchange import INSUFFICIENT_PRIVILEGE, Question, Row, Transaction, Unanswered, ask
from pgheadroom.postgres.queries import Statement, query
from pgheadroom.postgres.sampling import Probe
from pgheadroom.words.text import safe

_PLAIN = re.compile(rb"[ !#-&(-\[\]-~]")


async def find(probe: Probe, wanted: PreparedTransaction) -> Row | None:
    """Its row as long as it is there and still the one that was shown.

    Raises:
        NoConnection: when the connection is lost.
        LookupError: The server does not tell; the argument says why.
    """
    names = known_as(probe.connection, [wanted.gid])
    question = Question("prepared", query("prepared_named", 0), (names, wanted.since))
    ((answer,),) = await ask(probe.connection, [Transaction([question])])
    if isinstance(answer, Unanswered):
        raise LookupError(safe(answer.reason))
    return answer[0] if answer else None


async def roll_back(probe: Probe, wanted: PreparedTransaction) -> ChangeResult:
    """Roll it back if it is still the one that was shown, and look whether it is gone.

    Raises:
        NoConnection: when the connection is lost; then it is not known whether it happened.
    """
    try:
        found = await find(probe, wanted)
        if found is None:
            return ChangeResult(ChangeOutcome.CHANGED, "it has ended already: nothing was rolled back")
        gid, is_here = bytes(found[0]), found[1]
        if not is_here:
            return ChangeResult(ChangeOutcome.REFUSED, "it belongs to another database than the one that we are in")
        question = Question("rollback", _statement(gid))
        ((answer,),) = await ask(probe.connection, [Transaction([question], alone=True)])
        if isinstance(answer, Unanswered):
            return ChangeResult(ChangeOutcome.REFUSED, _why(answer))
        still = await find(probe, wanted) is not None
    except LookupError as error:
        return ChangeResult(ChangeOutcome.UNKNOWN, f"what is prepared cannot be read: {error}")
    if still:
        return ChangeResult(ChangeOutcome.OVERTAKEN, "one of the same name is prepared still")
    return ChangeResult(ChangeOutcome.DONE)


def _statement(gid: bytes) -> Statement:
    template = query("rollback_prepared", 0)
    made = Statement(template.replace(b"%s", in_string(gid)))
    made.shape = template.shape
    return made


def in_string(raw: bytes) -> bytes:
    """As a string with escapes, which means the same bytes in every encoding."""
    return b"E'" + b"".join(map(_written, raw)) + b"'"


def _written(byte: int) -> bytes:
    char = bytes([byte])
    return char if _PLAIN.fullmatch(char) else b"\\x%02x" % byte


def _why(failed: Unanswered) -> str:
    said = safe(failed.reason)
    return f"not permitted: {said}" if failed.sqlstate == INSUFFICIENT_PRIVILEGE else said
