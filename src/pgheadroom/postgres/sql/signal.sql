-- row: text, bool?
-- Judges one session and signals it at once, in a transaction of its own: within one the sessions are seen as they were
-- at its first look. The judgement is made before the signal: a materialised CTE, and a function in the select list
-- behind CASE, which the planner does not move. What is not asked for is NULL; a moment that there was none of is
-- -infinity. Each text names one function only: whoever may not call the one may call the other.
-- Nothing here reads pg_authid as a table, which may be locked: roles are looked up as the server itself does for the
-- signal, in the cache of our session. Role 10 is the first superuser; 4200 is pg_signal_backend. A superuser is a
-- member of every role; who else is one of role 10 is in $15.
WITH judged AS MATERIALIZED (
    SELECT a.pid,
           CASE
              WHEN a.pid IS NULL THEN 'gone'
              WHEN a.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() THEN 'ourselves'
              WHEN a.backend_start IS NULL OR a.backend_type IS NULL THEN 'hidden'
              WHEN a.backend_start OPERATOR(pg_catalog.<>) $2::pg_catalog.timestamptz THEN 'another session'
              WHEN a.backend_type OPERATOR(pg_catalog.<>) 'client backend'::pg_catalog.text THEN 'no client'
              WHEN a.usesysid IS NULL THEN 'starting'
              WHEN EXISTS (SELECT FROM pg_catalog.unnest($4::pg_catalog.bytea[]) AS p(name)
                            WHERE p.name OPERATOR(pg_catalog.=)
                                  pg_catalog.textsend(pg_catalog.pg_get_userbyid(a.usesysid)::pg_catalog.text))
                   THEN 'protected'
              WHEN pg_catalog.pg_has_role(a.usesysid, 10::pg_catalog.oid, 'MEMBER'::pg_catalog.text)
                   AND NOT EXISTS (SELECT FROM pg_catalog.unnest($15::pg_catalog.oid[]) AS n(role)
                                    WHERE n.role OPERATOR(pg_catalog.=) a.usesysid)
                   AND NOT ($3::pg_catalog.bool
                            AND pg_catalog.pg_has_role(10::pg_catalog.oid, 'MEMBER'::pg_catalog.text))
                   THEN CASE WHEN $3::pg_catalog.bool THEN 'superusers only' ELSE 'superuser' END
              WHEN NOT (pg_catalog.pg_has_role(a.usesysid, 'USAGE'::pg_catalog.text)
                        OR pg_catalog.pg_has_role(4200::pg_catalog.oid, 'USAGE'::pg_catalog.text)) THEN 'forbidden'
              WHEN NOT EXISTS (SELECT FROM pg_catalog.unnest($5::pg_catalog.bytea[]) AS p(name)
                                WHERE p.name OPERATOR(pg_catalog.=)
                                      pg_catalog.textsend(pg_catalog.pg_get_userbyid(a.usesysid)::pg_catalog.text))
                   AND $5::pg_catalog.bytea[] IS NOT NULL
                   THEN 'another role name'
              WHEN pg_catalog.textsend(a.application_name) OPERATOR(pg_catalog.<>) $6::pg_catalog.bytea
                   THEN 'another application'
              WHEN $7::pg_catalog.bool
                   AND COALESCE(a.state, ''::pg_catalog.text) OPERATOR(pg_catalog.<>) 'active'::pg_catalog.text
                   AND COALESCE(a.state, ''::pg_catalog.text)
                       OPERATOR(pg_catalog.<>) 'fastpath function call'::pg_catalog.text THEN 'no query'
              WHEN $7::pg_catalog.bool
                   AND COALESCE(a.query_start, '-infinity'::pg_catalog.timestamptz)
                       OPERATOR(pg_catalog.<>) COALESCE($8::pg_catalog.timestamptz,
                                                        '-infinity'::pg_catalog.timestamptz) THEN 'another query'
              WHEN COALESCE(a.state, 'starting'::pg_catalog.text) OPERATOR(pg_catalog.<>) $9::pg_catalog.text
                   THEN 'another state'
              WHEN COALESCE(a.xact_start, '-infinity'::pg_catalog.timestamptz)
                   OPERATOR(pg_catalog.<>) $10::pg_catalog.timestamptz THEN 'another transaction'
              WHEN COALESCE(a.query_start, '-infinity'::pg_catalog.timestamptz)
                   OPERATOR(pg_catalog.<>) $11::pg_catalog.timestamptz THEN 'another query'
              WHEN pg_catalog.concat(a.wait_event_type, ':'::pg_catalog.text, a.wait_event)
                   OPERATOR(pg_catalog.<>) $14::pg_catalog.text THEN 'another wait'
              WHEN $13::pg_catalog.float8 IS NOT NULL
                   AND COALESCE(pg_catalog.date_part('epoch'::pg_catalog.text,
                           pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
                           CASE WHEN a.state OPERATOR(pg_catalog.=) 'active'::pg_catalog.text
                                THEN a.query_start ELSE a.state_change END),
                       '-1'::pg_catalog.float8) OPERATOR(pg_catalog.<) $13::pg_catalog.float8 THEN 'not so long'
              WHEN COALESCE(a.state_change, '-infinity'::pg_catalog.timestamptz)
                   OPERATOR(pg_catalog.<>) $12::pg_catalog.timestamptz THEN 'used'
              ELSE 'signal'
           END AS verdict
      FROM (SELECT) AS one
      LEFT JOIN pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) AS a ON true
)
SELECT j.verdict,
       CASE WHEN j.verdict OPERATOR(pg_catalog.=) 'signal'::pg_catalog.text
            THEN pg_catalog.pg_cancel_backend(j.pid) END -- for cancel
            THEN pg_catalog.pg_terminate_backend(j.pid) END -- for terminate
  FROM judged AS j
