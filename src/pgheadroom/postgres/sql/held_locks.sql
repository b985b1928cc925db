-- rows: int4, text, oid, oid, text?
-- Locks on whole relations that shut others out, of these sessions: before anybody waits for them.
SELECT l.pid,
       l.mode,
       l.database,
       l.relation,
       (SELECT pg_catalog.concat(c.relkind, ':', n.nspname, '.', c.relname)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE c.oid OPERATOR(pg_catalog.=) l.relation
           AND (l.database OPERATOR(pg_catalog.=) 0 OR l.database OPERATOR(pg_catalog.=) $2::pg_catalog.oid))
  FROM pg_catalog.pg_lock_status() AS l
 WHERE l.granted
   AND l.locktype OPERATOR(pg_catalog.=) 'relation'
   AND (l.mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock' OR l.mode OPERATOR(pg_catalog.=) 'ExclusiveLock')
   AND EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS idle(pid)
                WHERE idle.pid OPERATOR(pg_catalog.=) l.pid)
 ORDER BY l.mode, l.pid, l.relation
 LIMIT 200
