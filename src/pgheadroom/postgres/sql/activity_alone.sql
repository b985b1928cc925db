-- rows: int4, timestamptz?, oid?, oid?, text?, text?, int4?, text?, text?, text?, timestamptz?, timestamptz?, timestamptz?, text?, text?, text?, int4?, bytea?, int4[]?
-- As activity.sql by the one function that it cannot do without, where the right to call another of them was revoked.
SELECT a.pid,
       a.backend_start,
       a.usesysid,
       a.datid,
       a.application_name,
       a.client_addr::pg_catalog.text,
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
       NULL::pg_catalog.bytea,
       NULL::pg_catalog.int4[]
  FROM pg_catalog.pg_stat_get_activity(NULL) AS a
