-- rows: int4, timestamptz?
SELECT a.pid, a.backend_start
  FROM pg_catalog.pg_stat_get_activity(NULL) AS a
  JOIN pg_catalog.unnest($1::pg_catalog.int4[]) AS asked(pid) ON asked.pid OPERATOR(pg_catalog.=) a.pid
