-- rows: text, int8
-- Waits for locks since the statistics were reset, by the type of lock: the view pg_stat_lock without its other columns.
SELECT l.locktype,
       l.waits
  FROM pg_catalog.pg_stat_get_lock() AS l
 WHERE l.waits OPERATOR(pg_catalog.>) 0
