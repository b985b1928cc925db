-- What it waits for first, its own virtual transaction last; the count is that of all.
SELECT l.locktype,
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
           AND l.database IN (0, $2::pg_catalog.oid)),
       CASE WHEN l.locktype = 'object' THEN
           (SELECT c.relname::pg_catalog.text FROM pg_catalog.pg_class AS c WHERE c.oid = l.classid)
       END,
       l.mode,
       l.granted,
       l.fastpath,
       pg_catalog.count(*) OVER ()
  FROM pg_catalog.pg_lock_status() AS l
 WHERE l.pid = $1::pg_catalog.int4
 ORDER BY l.granted, l.locktype = 'virtualxid', l.locktype <> 'relation', l.relation, l.mode
 LIMIT $3::pg_catalog.int4
