-- rows: int4, text, text, timestamptz?, oid?, oid?, int4?, int2?, text?, text?, oid?, oid?, int2?, text?, text?
-- lock_requests without names, for as long as the catalogue that holds them is locked.
-- Locks that are waited for. The first condition does not depend on the rows: without a waiter the locks are not read.
-- The function, not the view pg_locks: like every view it waits when pg_class is locked.
SELECT l.pid,
       l.locktype,
       l.mode,
       NULL::pg_catalog.timestamptz,
       l.database,
       l.relation,
       l.page,
       l.tuple,
       l.virtualxid,
       l.transactionid::pg_catalog.text,
       l.classid,
       l.objid,
       l.objsubid,
       NULL::pg_catalog.text,
       NULL::pg_catalog.text
  FROM pg_catalog.pg_lock_status() AS l
 WHERE EXISTS (SELECT FROM pg_catalog.pg_stat_get_backend_idset() AS b(id)
                WHERE pg_catalog.pg_stat_get_backend_wait_event_type(b.id) = 'Lock')
   AND NOT l.granted
   AND l.pid IS NOT NULL
