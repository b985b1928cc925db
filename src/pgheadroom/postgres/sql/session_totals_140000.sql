-- row: int8, int8, int8, int8
-- Of all databases, since their statistics were reset: what pg_stat_database has, without its other columns.
SELECT pg_catalog.sum(pg_catalog.pg_stat_get_db_sessions(d.oid))::pg_catalog.int8,
       pg_catalog.sum(pg_catalog.pg_stat_get_db_sessions_abandoned(d.oid))::pg_catalog.int8,
       pg_catalog.sum(pg_catalog.pg_stat_get_db_sessions_fatal(d.oid))::pg_catalog.int8,
       pg_catalog.sum(pg_catalog.pg_stat_get_db_sessions_killed(d.oid))::pg_catalog.int8
  FROM pg_catalog.pg_database AS d
