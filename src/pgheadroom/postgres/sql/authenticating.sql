-- 13 to 17: a backend that still authenticates holds a slot and has no row in pg_stat_activity, but it holds its
-- virtual transaction id. The backends are those of the frozen view that the activity was read from.
SELECT pg_catalog.count(DISTINCT l.pid)
  FROM pg_catalog.pg_lock_status() AS l
 WHERE l.locktype = 'virtualxid'
   AND l.pid IS NOT NULL
   AND l.pid NOT IN (SELECT pg_catalog.pg_stat_get_backend_pid(b.id)
                       FROM pg_catalog.pg_stat_get_backend_idset() AS b(id)
                      WHERE pg_catalog.pg_stat_get_backend_pid(b.id) IS NOT NULL)
