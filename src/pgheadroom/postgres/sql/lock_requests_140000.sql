-- rows: int4, text, text, timestamptz?, oid?, oid?, int4?, int2?, text?, text?, oid?, oid?, int2?, text?, text?
-- Locks that are waited for. The first condition does not depend on the rows: without a waiter the locks are not read.
-- The function, not the view pg_locks: like every view it waits when pg_class is locked.
-- A relation has a name only in its own database; its number is a wrong but plausible one in ours.
SELECT l.pid,
       l.locktype,
       l.mode,
       l.waitstart,
       l.database,
       l.relation,
       l.page,
       l.tuple,
       l.virtualxid,
       l.transactionid::pg_catalog.text,
       l.classid,
       l.objid,
       l.objsubid,
       (SELECT c.relkind::pg_catalog.text || ':' || n.nspname::pg_catalog.text || '.' || c.relname::pg_catalog.text
          FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.oid = l.relation
           AND l.database IN (0, $1::pg_catalog.oid)),
       CASE WHEN l.locktype = 'object' THEN
           (SELECT c.relname::pg_catalog.text FROM pg_catalog.pg_class AS c WHERE c.oid = l.classid)
       END
  FROM pg_catalog.pg_lock_status() AS l
 WHERE EXISTS (SELECT FROM pg_catalog.pg_stat_get_backend_idset() AS b(id)
                WHERE pg_catalog.pg_stat_get_backend_wait_event_type(b.id) = 'Lock')
   AND NOT l.granted
   AND l.pid IS NOT NULL
