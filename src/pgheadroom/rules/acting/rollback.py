"""Rolling back a prepared transaction: the statement, who may, and what it does. Pure.

Source: `FinishPreparedTransaction` and `LockGXact` in src/backend/access/transam/twophase.c: its owner or a superuser,
in its own database, on a primary.
"""

from collections.abc import Iterator

from pgheadroom.model.snapshot import PreparedTransaction, SlotKind
from pgheadroom.rules.facts.case import Case
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.sql_names import literal
from pgheadroom.words.wording import clipped


def rollback_statement(prepared: PreparedTransaction) -> str:
    """The statement, whole; empty for a gid that is not known to the byte."""
    gid = literal(prepared.gid)
    return f"ROLLBACK PREPARED {gid};" if gid else ""


def no_rollback(case: Case, prepared: PreparedTransaction) -> str:
    """Why we do not roll it back, with the statement to hand over; empty when we may."""
    statement, door = rollback_statement(prepared), case.snapshot.door
    if not statement:
        return "its gid is not known to the byte: find it in pg_prepared_xacts, in its own database"
    if case.snapshot.server.in_recovery:
        why = "this is a standby, which takes no changes: do it on the primary"
    elif door.database != prepared.database:
        why = f"it has to be done in database {clipped(prepared.database)}, and we are in {clipped(door.database)}"
    elif door.user != prepared.owner and door.slot is not SlotKind.SUPERUSER:
        why = f"our role {clipped(door.user)} may not: its owner {clipped(prepared.owner)} may, or a superuser"
    else:
        return ""
    return f"{why}. To hand over: {statement}"


def effect_of_rollback(case: Case, prepared: PreparedTransaction) -> Iterator[str]:
    """What it does, a sentence each; safe to show."""
    behind = sum(len(case.held_up.get(node.pid, ())) for node in case.locks if prepared in node.prepared)
    if behind:
        yield f"it lets go of its locks: {plural(behind, 'waiter')} can go on"
    yield (
        "its work is lost, and cannot be had back. Where other databases took part in the same transaction and have "
        "committed, they keep theirs: ask what prepared it whether COMMIT PREPARED is right"
    )


def prepared_words(case: Case, prepared: PreparedTransaction) -> str:
    """`prepared 3m12s ago by batch in shop`; safe to show."""
    since = prepared.since
    ago = duration((case.snapshot.taken_at - since).total_seconds()) if since is not None else "-"
    return f"prepared {ago} ago by {clipped(prepared.owner, 40)} in {clipped(prepared.database, 40)}"
