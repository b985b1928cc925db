"""Rolling back a prepared transaction: the statement, and who may. Pure."""

from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.words.sql_names import literal


def rollback_statement(prepared: PreparedTransaction) -> str:
    """The statement, whole; empty for a gid that is not known to the byte."""
    gid = literal(prepared.gid)
    return f"ROLLBACK PREPARED {gid};" if gid else ""
