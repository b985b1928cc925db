-- rows: int4, timestamptz?, oid?, oid?, text?, text?, int4?, text?, text?, text?, timestamptz?, timestamptz?, timestamptz?, text?, text?, text?, int4?, bytea?, int4[]?
-- The function, not the view pg_stat_activity: the view joins pg_authid and pg_database and waits when one is locked.
-- Names of roles and databases come from the rarely read catalogue.
-- Who waits for a lock is told by the lock table; a wait for a safe snapshot is not in it.
-- The query is cut as bytes: cutting it as text would raise for bytes that are not valid in our database's encoding.
-- Only who may be another than in the sample before: whose state began since $1, who is in $2, and who does not idle
-- waiting for nothing but its client's next statement. Of the others nothing can change and leave state_change as it is;
-- that is written down in carried.py, where the same is said in Python. With $1 = -infinity: everybody.
-- Of those among them whose state began before $1 only what can be another is told, and state_change to know them by: their
-- state, times and query have not changed since, or state_change had moved with them.
-- By the way it tells locks.sql in the same transaction that somebody waits for a lock, or is hidden and may. To find that
-- out once more costs as much as all of this: for each row the server goes through the list of its processes.
-- A long comment that it begins with (sqlcommenter, marginalia) is left out, or nothing but the comment would be seen.
SELECT a.pid,
       CASE WHEN NOT a.known THEN a.backend_start END,
       CASE WHEN NOT a.known THEN a.usesysid END,
       CASE WHEN NOT a.known THEN a.datid END,
       a.application_name,
       CASE WHEN NOT a.known THEN pg_catalog.host(a.client_addr) END,
       CASE WHEN NOT a.known THEN a.client_port END,
       CASE WHEN NOT a.known THEN a.state END,
       a.wait_event_type,
       a.wait_event,
       a.xact_start,
       CASE WHEN NOT a.known THEN a.query_start END,
       a.state_change,
       a.backend_xid::pg_catalog.text,
       a.backend_xmin::pg_catalog.text,
       CASE WHEN NOT a.known THEN a.backend_type END,
       a.leader_pid,
       CASE WHEN a.known THEN NULL
            WHEN pg_catalog.starts_with(a.query, '/*')
             AND pg_catalog."position"(pg_catalog.textsend(a.query), '*/'::pg_catalog.bytea)
                 OPERATOR(pg_catalog.>) 40
            THEN '/*...*/ '::pg_catalog.bytea
                 OPERATOR(pg_catalog.||)
                 pg_catalog.substr(
                     pg_catalog.textsend(a.query),
                     pg_catalog."position"(pg_catalog.textsend(a.query), '*/'::pg_catalog.bytea)
                     OPERATOR(pg_catalog.+) 2,
                     240)
            ELSE pg_catalog.substr(pg_catalog.textsend(a.query), 1, 240)
       END,
       CASE WHEN a.wait_event OPERATOR(pg_catalog.=) 'SafeSnapshot' THEN
           pg_catalog.pg_safe_snapshot_blocking_pids(a.pid)
       END
  FROM (SELECT s.*,
               coalesce(s.state_change OPERATOR(pg_catalog.<) $1::pg_catalog.timestamptz, false) AS known
          FROM pg_catalog.pg_stat_get_activity(NULL) AS s
       ) AS a
 WHERE false -- for silent
 WHERE CASE WHEN a.wait_event_type OPERATOR(pg_catalog.=) 'Lock' OR a.backend_type IS NULL -- for telling
            THEN pg_catalog.set_config('pgheadroom.lock_waits', 'on', true) IS NOT NULL END -- for telling
    OR NOT a.known
    OR (a.state_change IS NOT NULL
        AND a.backend_start IS NOT NULL
        AND a.wait_event OPERATOR(pg_catalog.=) 'ClientRead'::pg_catalog.text
        AND a.backend_xmin IS NULL
        AND (a.state OPERATOR(pg_catalog.=) 'idle'::pg_catalog.text AND a.xact_start IS NULL
             OR a.state OPERATOR(pg_catalog.=) 'idle in transaction'::pg_catalog.text
             OR a.state OPERATOR(pg_catalog.=) 'idle in transaction (aborted)'::pg_catalog.text)
       ) IS NOT TRUE
    OR pg_catalog.array_position($2::pg_catalog.int4[], a.pid) IS NOT NULL
