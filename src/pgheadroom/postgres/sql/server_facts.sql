-- What does not change while a session lives, or hardly: read at connect and about every 30 seconds.
SELECT pg_catalog.current_setting('server_version'),
       pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       pg_catalog.pg_postmaster_start_time(),
       pg_catalog.current_setting('max_connections')::pg_catalog.int4,
       pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4,
       coalesce(pg_catalog.current_setting('reserved_connections', true)::pg_catalog.int4, 0),
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int4,
       (SELECT s.setting::pg_catalog.int4 FROM pg_catalog.pg_settings AS s WHERE s.name OPERATOR(pg_catalog.=) 'track_activity_query_size'),
       pg_catalog.current_setting('server_encoding'),
       pg_catalog.pg_backend_pid(),
       session_user::pg_catalog.text,
       current_catalog::pg_catalog.text,
       (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname OPERATOR(pg_catalog.=) current_catalog),
       (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) session_user),
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'),
       pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'),
       coalesce((SELECT pg_catalog.pg_has_role(session_user, r.oid, 'USAGE') FROM pg_catalog.pg_roles AS r
                  WHERE r.rolname OPERATOR(pg_catalog.=) 'pg_use_reserved_connections'), false)
