-- row: int4, bool, bool, bool
SELECT pg_catalog.pg_backend_pid(),
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'),
       pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'),
       false -- before 16
       pg_catalog.pg_has_role('pg_use_reserved_connections', 'USAGE') -- from 16 on
