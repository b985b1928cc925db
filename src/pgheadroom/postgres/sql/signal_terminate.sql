-- Judges every target and signals those that are still what was shown. The judgement is made once, before any signal:
-- a materialised CTE, and a function in the select list behind CASE, which the planner does not move.
WITH judged AS MATERIALIZED (
    SELECT t.number,
           t.pid,
           CASE
              WHEN a.pid IS NULL THEN 'gone'
              WHEN a.pid = pg_catalog.pg_backend_pid() THEN 'ourselves'
              WHEN a.backend_start IS NULL OR a.backend_type IS NULL THEN 'hidden'
              WHEN a.backend_start IS DISTINCT FROM t.backend_start THEN 'another session'
              WHEN a.backend_type <> 'client backend' THEN 'no client'
              WHEN a.usesysid IS NULL OR r.rolsuper IS NULL THEN 'starting'
              WHEN r.rolsuper AND NOT $4::pg_catalog.bool THEN 'superuser'
              WHEN r.rolsuper AND NOT me.rolsuper THEN 'superusers only'
              WHEN NOT (pg_catalog.pg_has_role(a.usesysid, 'USAGE')
                        OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')) THEN 'forbidden'
              ELSE 'signal'
           END AS verdict
      FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.int4[]),
                      pg_catalog.unnest($2::pg_catalog.timestamptz[]),
                      pg_catalog.unnest($3::pg_catalog.timestamptz[]))
           WITH ORDINALITY AS t(pid, backend_start, query_start, number)
      LEFT JOIN pg_catalog.pg_stat_get_activity(NULL) AS a ON a.pid = t.pid
      LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid
      LEFT JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
)
SELECT j.verdict,
       CASE WHEN j.verdict = 'signal' THEN pg_catalog.pg_terminate_backend(j.pid) END
  FROM judged AS j
 ORDER BY j.number
