-- rows: text, oid, oid, int4, int2, text, text, oid, oid, int2, bool, int4[], text[], timestamptz[]?
-- Each lock that is waited for, in one reading of the lock table: a row with all its waiters, and one with all holders.
-- What $1 stands beside does not depend on the rows: without a waiter the locks are not read. Who is hidden from our role
-- may be one; before 18 so may who still logs in and has no row anywhere ($1). activity.sql tells it in the same
-- transaction; where it may not, the sessions are looked through again.
-- The function, not the view pg_locks: like every view it waits when pg_class is locked.
-- What is NULL gets a value, for NULLs are not equal; the equal columns are hashed, so it is linear whatever is estimated.
-- Left out: fast-path locks, which nobody can wait for (who might have to moves them out of the fast path first: lock.c),
-- and the marks of serializable transactions, for which nobody waits either.
WITH locks AS MATERIALIZED (
    SELECT
           l.locktype,
           coalesce(l.database, 0::pg_catalog.oid) AS database,
           coalesce(l.relation, 0::pg_catalog.oid) AS relation,
           coalesce(l.page, '-1'::pg_catalog.int4) AS page,
           coalesce(l.tuple, '-1'::pg_catalog.int2) AS tuple,
           coalesce(l.virtualxid, '') AS virtualxid,
           coalesce(l.transactionid, '0'::pg_catalog.xid) AS transactionid,
           coalesce(l.classid, 0::pg_catalog.oid) AS classid,
           coalesce(l.objid, 0::pg_catalog.oid) AS objid,
           coalesce(l.objsubid, '-1'::pg_catalog.int2) AS objsubid,
           l.pid,
           l.mode,
           l.granted,
           NULL::pg_catalog.timestamptz AS waitstart -- before 14
           l.waitstart AS waitstart -- from 14 on
      FROM pg_catalog.pg_lock_status() AS l
     WHERE ($1::pg_catalog.bool
            OR pg_catalog.current_setting('pgheadroom.lock_waits', true) OPERATOR(pg_catalog.=) 'on') -- for told
            OR EXISTS (SELECT FROM pg_catalog.pg_stat_get_backend_idset() AS b(id) -- for looking
                        WHERE pg_catalog.pg_stat_get_backend_wait_event_type(b.id) -- for looking
                              OPERATOR(pg_catalog.=) 'Lock' -- for looking
                           OR pg_catalog.pg_stat_get_backend_wait_event_type(b.id) -- for looking
                              OPERATOR(pg_catalog.=) '<insufficient privilege>')) -- for looking
       AND NOT l.fastpath
       AND l.mode OPERATOR(pg_catalog.<>) 'SIReadLock'
), wanted AS MATERIALIZED (
    SELECT l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid,
           l.objsubid,
           pg_catalog.array_agg(l.pid) AS pids,
           pg_catalog.array_agg(l.mode) AS modes,
           pg_catalog.array_agg(l.waitstart) AS waitstarts
      FROM locks AS l
     WHERE NOT l.granted
       AND l.pid IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
)
SELECT w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid::pg_catalog.text, w.classid,
       w.objid, w.objsubid, false, w.pids, w.modes, w.waitstarts
  FROM wanted AS w
UNION ALL
SELECT l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid::pg_catalog.text, l.classid,
       l.objid, l.objsubid, true, pg_catalog.array_agg(l.pid), pg_catalog.array_agg(l.mode), NULL
  FROM locks AS l
  JOIN wanted AS w
    ON w.locktype OPERATOR(pg_catalog.=) l.locktype
   AND w.database OPERATOR(pg_catalog.=) l.database
   AND w.relation OPERATOR(pg_catalog.=) l.relation
   AND w.page OPERATOR(pg_catalog.=) l.page
   AND w.tuple OPERATOR(pg_catalog.=) l.tuple
   AND w.virtualxid OPERATOR(pg_catalog.=) l.virtualxid
   AND w.transactionid OPERATOR(pg_catalog.=) l.transactionid
   AND w.classid OPERATOR(pg_catalog.=) l.classid
   AND w.objid OPERATOR(pg_catalog.=) l.objid
   AND w.objsubid OPERATOR(pg_catalog.=) l.objsubid
 WHERE l.granted
 GROUP BY 1, 2, 3, 4, 5, 6, l.transactionid, 8, 9, 10
