-- row: text, int4, int4, int4, int4, int4, text, text, bool, text, text
-- As settings.sql, where the right to call current_setting() was revoked.
WITH s AS MATERIALIZED (SELECT one.name, one.setting FROM pg_catalog.pg_settings AS one)
SELECT (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'server_version'),
       (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'server_version_num')::pg_catalog.int4,
       (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'max_connections')::pg_catalog.int4,
       (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'superuser_reserved_connections')::pg_catalog.int4,
       coalesce((SELECT s.setting FROM s
                  WHERE s.name OPERATOR(pg_catalog.=) 'reserved_connections')::pg_catalog.int4, 0),
       (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'max_wal_senders')::pg_catalog.int4,
       (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'track_activity_query_size'),
       (SELECT s.setting FROM s WHERE s.name OPERATOR(pg_catalog.=) 'server_encoding'),
       EXISTS (SELECT FROM pg_catalog.pg_roles AS r
                WHERE r.rolname OPERATOR(pg_catalog.=) session_user AND r.rolsuper),
       session_user::pg_catalog.text,
       current_catalog::pg_catalog.text
