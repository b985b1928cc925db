"""What a lock is on, in words. Pure."""

from typing import NamedTuple

_RELATION_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "i": "index",
    "I": "partitioned index",
    "S": "sequence",
    "t": "TOAST table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "c": "composite type",
}
_ONE_KEY = 1
"""`objsubid` of an advisory lock with one 64-bit key; 2 means two keys. Source: the manual's page on pg_locks."""


class LockRow(NamedTuple):
    """The columns of `pg_locks` that say what a lock is on, and what our database knows about it.

    Attributes:
        database: OID; 0 for a shared object, None where it does not apply.
        relation_name: `relkind:schema.name`, None for another database's relation.
        class_name: The catalogue of a locked object.
    """

    locktype: str
    database: int | None
    relation: int | None
    page: int | None
    tuple_: int | None
    virtualxid: str | None
    transactionid: str | None
    classid: int | None
    objid: int | None
    objsubid: int | None
    relation_name: str | None
    class_name: str | None


def lock_target(row: LockRow, database_name: str) -> str:
    """`table public.orders`, `transaction 733`, `relation 16384 in database shop`."""
    match row.locktype:
        case "transactionid":
            return f"transaction {row.transactionid}"
        case "virtualxid":
            return f"virtual transaction {row.virtualxid}"
        case "advisory":
            return f"{_advisory_key(row)} in database {database_name}"
        case "object":
            return f"{row.class_name or row.classid} {row.objid}{_in_database(row, database_name)}"
    if row.relation is None:
        return row.locktype + _in_database(row, database_name)
    return _part_of_relation(row) + _relation(row, database_name)


def _advisory_key(row: LockRow) -> str:
    high, low = row.classid or 0, row.objid or 0
    if row.objsubid != _ONE_KEY:
        return f"advisory lock ({_signed(high, 32)}, {_signed(low, 32)})"
    return f"advisory lock {_signed(high << 32 | low, 64)}"


def _signed(number: int, bits: int) -> int:
    """pg_locks shows the halves of a key as unsigned numbers; the application gave a signed one."""
    return number - (1 << bits) if number >> (bits - 1) else number


def _part_of_relation(row: LockRow) -> str:
    match row.locktype:
        case "extend":
            return "extension of "
        case "page":
            return f"page {row.page} of "
        case "tuple":
            return f"row ({row.page},{row.tuple_}) of "
        case "relation":
            return ""
    return f"{row.locktype} of "


def _relation(row: LockRow, database_name: str) -> str:
    if row.relation_name is None:
        return f"relation {row.relation}{_in_database(row, database_name)}"
    kind, _, name = row.relation_name.partition(":")
    return f"{_RELATION_KINDS.get(kind, 'relation')} {name}"


def _in_database(row: LockRow, database_name: str) -> str:
    return f" in database {database_name}" if row.database else ""
