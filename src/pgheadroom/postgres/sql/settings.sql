-- row: text, int4, int4, int4, int4, int4, text, text, bool, text, text
-- Keywords where there is one: the right to call current_database() can be revoked.
SELECT pg_catalog.current_setting('server_version'),
       pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       pg_catalog.current_setting('max_connections')::pg_catalog.int4,
       pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4,
       coalesce(pg_catalog.current_setting('reserved_connections', true)::pg_catalog.int4, 0),
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int4,
       pg_catalog.current_setting('track_activity_query_size'),
       pg_catalog.current_setting('server_encoding'),
       pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on',
       session_user::pg_catalog.text,
       current_catalog::pg_catalog.text
