-- rows: int4, timestamptz?, oid?, oid?, text?, text?, int4?, text?, text?, text?, timestamptz?, timestamptz?, timestamptz?, text?, text?, text?, int4?, bytea?, int4[]?, text?, bool?, text?, text?
-- The columns of activity.sql with the whole query, and what is only shown for one session. Of a query that began at
-- $3 the text is known already.
SELECT a.pid,
       a.backend_start,
       a.usesysid,
       a.datid,
       a.application_name,
       pg_catalog.host(a.client_addr),
       a.client_port,
       a.state,
       a.wait_event_type,
       a.wait_event,
       a.xact_start,
       a.query_start,
       a.state_change,
       a.backend_xid::pg_catalog.text,
       a.backend_xmin::pg_catalog.text,
       a.backend_type,
       a.leader_pid,
       CASE WHEN a.query_start OPERATOR(pg_catalog.=) $3::pg_catalog.timestamptz THEN NULL
            ELSE pg_catalog.textsend(a.query) END,
       NULL::pg_catalog.int4[],
       a.client_hostname,
       a.ssl,
       a.sslversion,
       a.sslcipher
  FROM pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) AS a
 WHERE a.backend_start OPERATOR(pg_catalog.=) $2::pg_catalog.timestamptz
    OR (a.backend_start IS NULL AND $2::pg_catalog.timestamptz IS NULL)
