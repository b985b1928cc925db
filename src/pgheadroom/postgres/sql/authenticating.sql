-- row: int8
-- 13 to 17: a backend that still authenticates holds a slot and has no row in pg_stat_activity, but it holds its
-- virtual transaction id. The backends are those of the frozen view that the activity was read from.
SELECT pg_catalog.count(DISTINCT l.pid)
  FROM pg_catalog.pg_lock_status() AS l
 WHERE l.locktype OPERATOR(pg_catalog.=) 'virtualxid'
   AND l.pid IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_get_backend_idset() AS b(id)
                    WHERE pg_catalog.pg_stat_get_backend_pid(b.id) OPERATOR(pg_catalog.=) l.pid)
