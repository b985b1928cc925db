SELECT a.pid, a.backend_start
  FROM pg_catalog.pg_stat_get_activity(NULL) AS a
 WHERE a.pid = ANY ($1::pg_catalog.int4[])
