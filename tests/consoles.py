"""The columns of PgBouncer's console, version by version, and answers made of them.

From the row descriptions of each release; those of 1.18, 1.24.1, 1.25.2 and 1.26.1 were seen on real ones.
"""

from typing import Any

from pgheadroom.pgbouncer.table import Table

VERSIONS = ("1.12", "1.16", "1.18", "1.23", "1.24", "1.25", "1.26")

_POOLS = "database user cl_active cl_waiting {cancel} sv_active {servers} sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode {end}"  # noqa: E501
_FOUR = {"cancel": "cl_active_cancel_req cl_waiting_cancel_req", "servers": "sv_active_cancel sv_being_canceled"}
POOLS = {
    "1.12": _POOLS.format(cancel="", servers="", end=""),
    "1.16": _POOLS.format(cancel="cl_cancel_req", servers="", end=""),
    "1.18": _POOLS.format(**_FOUR, end=""),
    "1.23": _POOLS.format(**_FOUR, end=""),
    "1.24": _POOLS.format(**_FOUR, end="load_balance_hosts"),
    **dict.fromkeys(("1.25", "1.26"), _POOLS.format(**_FOUR, end="load_balance_hosts")),
}
_SOCKETS = "type user database {replication} state addr port local_addr local_port connect_time request_time wait wait_us close_needed ptr link remote_pid tls {end}"  # noqa: E501
SOCKETS = {
    "1.12": _SOCKETS.format(replication="", end=""),
    "1.16": _SOCKETS.format(replication="", end=""),
    "1.18": _SOCKETS.format(replication="", end="application_name"),
    "1.23": _SOCKETS.format(replication="replication", end="application_name prepared_statements"),
    "1.24": _SOCKETS.format(replication="replication", end="application_name prepared_statements id"),
    **dict.fromkeys(
        ("1.25", "1.26"),
        _SOCKETS.format(replication="replication", end="application_name prepared_statements id"),
    ),
}
_DATABASES = "name host port database force_user pool_size {minimum} {reserve} {lifetime} pool_mode {hosts} max_connections current_connections {clients} paused disabled"  # noqa: E501
_NEWEST = {
    "minimum": "min_pool_size",
    "reserve": "reserve_pool_size",
    "lifetime": "server_lifetime",
    "hosts": "load_balance_hosts",
    "clients": "max_client_connections current_client_connections",
}
_OLDEST = {**dict.fromkeys(_NEWEST, ""), "reserve": "reserve_pool"}
DATABASES = {
    "1.12": _DATABASES.format(**_OLDEST),
    "1.16": _DATABASES.format(**{**_OLDEST, "minimum": "min_pool_size"}),
    "1.18": _DATABASES.format(**{**_OLDEST, "minimum": "min_pool_size"}),
    "1.23": _DATABASES.format(**{**_OLDEST, "minimum": "min_pool_size", "lifetime": "server_lifetime"}),
    "1.24": _DATABASES.format(**_NEWEST),
    **dict.fromkeys(("1.25", "1.26"), _DATABASES.format(**_NEWEST)),
}
_COUNTS = "xact_count query_count"
_TIMES = "xact_time query_time wait_time"
_TOTAL = f"{_COUNTS} received sent {_TIMES}"
_AVERAGE = f"{_COUNTS} recv sent {_TIMES}"


def _stats(first: str = "", last: str = "") -> str:
    total = " ".join(f"total_{name}" for name in f"{first} {_TOTAL} {last}".split())
    return f"database {total} " + " ".join(f"avg_{name}" for name in f"{first} {_AVERAGE} {last}".split())


_PREPARED = "client_parse_count server_parse_count bind_count"
STATS = {
    **dict.fromkeys(("1.12", "1.16", "1.18"), _stats()),
    "1.23": _stats("server_assignment_count"),
    **dict.fromkeys(("1.24", "1.25"), _stats("server_assignment_count", _PREPARED)),
    "1.26": _stats("server_assignment_count", f"{_PREPARED} client_login_count"),
}
USERS = {
    **dict.fromkeys(("1.12", "1.16", "1.18"), "name pool_mode"),
    "1.23": "name pool_size pool_mode max_user_connections current_connections",
    **dict.fromkeys(
        ("1.24", "1.25", "1.26"),
        "name pool_size reserve_pool_size pool_mode max_user_connections current_connections "
        "max_user_client_connections current_client_connections",
    ),
}
CONFIG = {
    "1.12": "key value changeable",
    **dict.fromkeys(("1.16", "1.18", "1.23", "1.24", "1.25", "1.26"), "key value default changeable"),
}

ODYSSEY_POOLS = POOLS["1.12"]
ODYSSEY_CLIENTS = "type user database state storage_user addr port local_addr local_port connect_time request_time wait wait_us id ptr coro remote_pid tls"  # noqa: E501
PGCAT_POOLS = "database user pool_mode cl_idle cl_active cl_waiting cl_cancel_req sv_active sv_idle sv_used sv_tested sv_login maxwait maxwait_us"  # noqa: E501
PGCAT_CLIENTS = "client_id database user application_name state transaction_count query_count error_count age_seconds maxwait maxwait_us"  # noqa: E501
PGCAT_SERVERS = "server_id database_name user address_id application_name state transaction_count query_count bytes_sent bytes_received age_seconds"  # noqa: E501
PGDOG_POOLS = "id database user addr port shard role cl_waiting sv_idle sv_active sv_total maxwait maxwait_us pool_mode paused banned healthy"  # noqa: E501


def table(columns: str, *rows: dict[str, Any], neutral: Any = None) -> Table:
    """An answer with these columns; a row has `neutral` where it names no value."""
    names = tuple(columns.split())
    return Table(names, [tuple(row.get(name, neutral) for name in names) for row in rows])


def of(*rows: dict[str, Any]) -> Table:
    """An answer with the columns of its first row."""
    return table(" ".join(rows[0]), *rows)
