-- What a monitor asks of this server in SQL: pgheadroom.connections() in one row, the view pgheadroom.connection_monitor
-- over it, and pgheadroom.health(), which judges it. As a superuser; what is made needs none.
--
-- A plain view would show each reader its own sessions only: of others' rows state and backend_type are hidden. So these
-- are functions that act as their owner, who may read statistics and cannot log in. They find nothing by a reader's
-- search_path, tell sums and no statement of anybody, and are called by whom they are granted to, by name: see the end.
BEGIN;
CREATE ROLE pgheadroom_monitor NOLOGIN IN ROLE pg_read_all_stats;
CREATE SCHEMA pgheadroom AUTHORIZATION pgheadroom_monitor;
SET LOCAL ROLE pgheadroom_monitor;

-- used: client backends, and until PostgreSQL 17 those that still authenticate, which hold a slot and have no row.
-- Background processes, walsenders among them, take none of these slots. usable: what an ordinary role may take.
CREATE FUNCTION pgheadroom.connections()
    RETURNS TABLE (max_connections integer, reserve integer, usable integer, used integer, free integer,
                   in_reserve integer, used_percent numeric, active integer, idle integer,
                   idle_in_transaction integer, oldest_idle_in_transaction_seconds integer, long_queries integer,
                   waiting_for_locks integer, checked_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $connections$
        WITH slots AS (
            SELECT current_setting('max_connections')::integer AS most,
                   current_setting('superuser_reserved_connections')::integer
                   + coalesce(current_setting('reserved_connections', true)::integer, 0)
                   + coalesce(current_setting('rds.rds_superuser_reserved_connections', true)::integer, 0) AS reserve
        ), sessions AS MATERIALIZED (
            SELECT a.pid, a.state, a.backend_type, a.wait_event_type, a.query_start, a.state_change
              FROM pg_stat_get_activity(NULL) AS a
        ), hidden AS (
            SELECT count(DISTINCT l.pid) AS count
              FROM pg_lock_status() AS l
             WHERE l.locktype = 'virtualxid' AND current_setting('server_version_num')::integer < 180000
               AND NOT EXISTS (SELECT FROM sessions AS s WHERE s.pid = l.pid)
        ), counted AS (
            SELECT count(*) + (SELECT h.count FROM hidden AS h) AS used,
                   count(*) FILTER (WHERE s.state IN ('active', 'fastpath function call')) AS active,
                   count(*) FILTER (WHERE s.state = 'idle') AS idle,
                   count(*) FILTER (WHERE s.state LIKE 'idle in transaction%') AS stuck,
                   max(clock_timestamp() - s.state_change) FILTER (WHERE s.state LIKE 'idle in transaction%') AS oldest,
                   count(*) FILTER (WHERE s.state = 'active' AND s.wait_event_type IS DISTINCT FROM 'Lock'
                                      AND s.query_start < clock_timestamp() - interval '{long_query}') AS long,
                   count(*) FILTER (WHERE s.wait_event_type = 'Lock') AS waiting
              FROM sessions AS s
             WHERE s.backend_type = 'client backend'
        )
        SELECT t.most, t.reserve, greatest(0, t.most - t.reserve), c.used::integer,
               greatest(0, t.most - t.reserve - c.used)::integer, greatest(0, c.used - (t.most - t.reserve))::integer,
               round(100.0 * c.used / nullif(greatest(0, t.most - t.reserve), 0), 1), c.active::integer,
               c.idle::integer, c.stuck::integer, coalesce(extract(epoch FROM c.oldest), 0)::integer, c.long::integer,
               c.waiting::integer, clock_timestamp()
          FROM slots AS t CROSS JOIN counted AS c
    $connections$;

CREATE VIEW pgheadroom.connection_monitor AS SELECT c.* FROM pgheadroom.connections() AS c;

-- The thresholds are those of pgheadroom's configuration when this was written: run it again when they change.
CREATE FUNCTION pgheadroom.health()
    RETURNS TABLE (metric text, value numeric, warning numeric, critical numeric, status text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $health$
        SELECT m.metric, m.value, round(m.warning, 1), round(m.critical, 1),
               CASE WHEN m.value IS NULL THEN 'UNKNOWN'
                    WHEN m.value >= m.critical THEN 'CRITICAL'
                    WHEN m.value >= m.warning THEN 'WARNING'
                    ELSE 'OK' END
          FROM pgheadroom.connections() AS c
         CROSS JOIN LATERAL (VALUES
{metrics}
         ) AS m(metric, value, warning, critical)
    $health$;

REVOKE ALL ON FUNCTION pgheadroom.connections() FROM PUBLIC;
REVOKE ALL ON FUNCTION pgheadroom.health() FROM PUBLIC;
COMMIT;

-- Each reader by name:
-- GRANT USAGE ON SCHEMA pgheadroom TO reader;
-- GRANT SELECT ON pgheadroom.connection_monitor TO reader;
-- GRANT EXECUTE ON FUNCTION pgheadroom.connections(), pgheadroom.health() TO reader;
-- Then: SELECT * FROM pgheadroom.connection_monitor;    SELECT * FROM pgheadroom.health();
-- Away with it: pgheadroom advise --sql-uninstall
