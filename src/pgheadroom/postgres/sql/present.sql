-- row: int4, bytea?
-- Who answers, and the pids of all who have a row in activity.sql, in its order: four bytes each, a third of an array's.
-- The same frozen view of the sessions, where they are asked for in one transaction. The ids stand in a SELECT's list and
-- not behind its FROM, where the server would write them down before it reads the first.
SELECT pg_catalog.pg_backend_pid(),
       pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.pg_stat_get_backend_pid(b.id)), ''::pg_catalog.bytea)
  FROM (SELECT pg_catalog.pg_stat_get_backend_idset() AS id) AS b
