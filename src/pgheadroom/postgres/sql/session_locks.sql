-- rows: text, oid?, oid?, int4?, int2?, text?, text?, oid?, oid?, int2?, text?, text?, text, bool, bool, int8
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
       (SELECT pg_catalog.concat(c.relkind, ':', n.nspname, '.', c.relname)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE c.oid OPERATOR(pg_catalog.=) l.relation
           AND (l.database OPERATOR(pg_catalog.=) 0 OR l.database OPERATOR(pg_catalog.=) $2::pg_catalog.oid)),
       CASE WHEN l.locktype OPERATOR(pg_catalog.=) 'object' THEN
           (SELECT c.relname::pg_catalog.text FROM pg_catalog.pg_class AS c
             WHERE c.oid OPERATOR(pg_catalog.=) l.classid)
       END,
       l.mode,
       l.granted,
       l.fastpath,
       pg_catalog.count(*) OVER ()
  FROM pg_catalog.pg_lock_status() AS l
 WHERE l.pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4
 ORDER BY l.granted, l.locktype OPERATOR(pg_catalog.=) 'virtualxid', l.locktype OPERATOR(pg_catalog.<>) 'relation',
          l.relation, l.mode
 LIMIT $3::pg_catalog.int4
