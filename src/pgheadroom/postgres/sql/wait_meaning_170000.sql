-- rows: text?
SELECT w.description
  FROM pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) AS a
  JOIN pg_catalog.pg_wait_events AS w
    ON w.type OPERATOR(pg_catalog.=) a.wait_event_type AND w.name OPERATOR(pg_catalog.=) a.wait_event
