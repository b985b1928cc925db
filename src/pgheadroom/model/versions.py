"""Which version has what: PostgreSQL's as `server_version_num` (180004), PgBouncer's as numbers ((1, 25, 2)).

Where nothing else is said, the source is the release notes of that version. What an SQL text of ours has in one version
and not in another is said in the text itself, see `postgres.queries`.
"""

TIMEOUTS_SINCE = 90_600
"""`statement_timeout`, `lock_timeout` and `idle_in_transaction_session_timeout` together."""
IDLE_SESSION_TIMEOUT_SINCE = 140_000
WAITSTART_SINCE = 140_000
"""`pg_locks.waitstart`: since when a waiter waits, and so in which order they do."""
IMMEDIATE_SHUTDOWN_IS_TOLD_SINCE = 140_000
"""Before, sessions are ended by it as by the crash of one."""
SESSIONS_ARE_COUNTED_SINCE = 140_000
"""pg_stat_database has `sessions` and how they ended."""
JSON_LOG_SINCE = 150_000
"""`log_destination = jsonlog`."""
PARAMETERS_ARE_GRANTED_SINCE = 150_000
"""GRANT ... ON PARAMETER."""
RESERVED_SLOTS_SINCE = 160_000
"""`reserved_connections` and the role `pg_use_reserved_connections`."""
CREATEROLE_NEEDS_ADMIN_SINCE = 160_000
"""CREATEROLE changes only roles on which it has ADMIN OPTION; before, all that are no superuser's."""
TRANSACTION_TIMEOUT_SINCE = 170_000
WAIT_EVENTS_ARE_DESCRIBED_SINCE = 170_000
"""The view `pg_wait_events`."""
AUTHENTICATING_ARE_ROWS_SINCE = 180_000
"""Backends that still authenticate have a row in the activity."""

LOCK_WAITS_ARE_COUNTED_SINCE = 190_000
"""The view `pg_stat_lock`."""

SLOT_SYNC_TAKES_A_SLOT = range(170_000, 170_003)
"""The worker that synchronises replication slots has an ordinary slot."""
LIMITS_COUNT_CLIENTS_ONLY_SINCE = {13: 130_019, 14: 140_014, 15: 150_011, 16: 160_007, 17: 170_003}
"""By major version, in later ones always: before, walsenders counted against a role's limit, and every process that is
not a background worker against a database's. Source: PostgreSQL's commit 34486b6092 of December 2024; 16.6 against 16.7
and 17.2 against 17.3 were compared on real servers, 13 to 15 are inferred from the date of the release."""

LIBPQ_REQUIRE_AUTH_SINCE = 160_000
"""libpq's `require_auth`: before, it knows no way to forbid a kind of authentication."""
LIBPQ_PROTOCOL_VERSION_SINCE = 180_000
"""libpq's `max_protocol_version`."""

BOUNCER_OLDEST = (1, 18)
"""Tested."""
BOUNCER_AUTH_DBNAME_SINCE = (1, 19)
"""`auth_dbname`: an older one does not start with it."""
BOUNCER_PREPARED_STATEMENTS_SINCE = (1, 21)
"""`max_prepared_statements`: an older one does not start with it."""
BOUNCER_SEARCH_PATH_MENDED_SINCE = (1, 25, 1)
"""CVE-2025-12819."""
BOUNCER_MENDED_SINCE = (1, 25, 2)
"""CVE-2026-6664 to -6667."""
BOUNCER_STATE_SINCE = (1, 19)
"""SHOW STATE."""
BOUNCER_PEERS_SINCE = (1, 19)
"""`[peers]`, and SHOW PEERS."""
BOUNCER_CLIENT_IDS_SINCE = (1, 24)
"""KILL_CLIENT, and the column `id` that it takes."""
BOUNCER_ZERO_IS_UNLIMITED_SINCE = (1, 24)
"""A pool_size of 0 is no limit; before, such a pool opens nothing."""
BOUNCER_WRONG_USER_SIZES = ((1, 23), (1, 25, 2))
"""The first and the last version in which SHOW USERS gives a user without a pool_size that of the row before
(PgBouncer's issue 1323)."""
