-- rows: int4, int4[]
-- By the server's own function, for a few: it stops all who take or release locks while it copies a whole queue.
-- Who waits is read from the frozen view that the activity was read from. Without pids: whoever waits.
SELECT waiting.pid,
       pg_catalog.pg_blocking_pids(waiting.pid)
  FROM (SELECT pg_catalog.pg_stat_get_backend_pid(b.id) AS pid
          FROM pg_catalog.pg_stat_get_backend_idset() AS b(id)
         WHERE pg_catalog.pg_stat_get_backend_wait_event_type(b.id) OPERATOR(pg_catalog.=) 'Lock'
           AND ($1::pg_catalog.int4[] IS NULL
                OR EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS asked(pid)
                            WHERE asked.pid OPERATOR(pg_catalog.=) pg_catalog.pg_stat_get_backend_pid(b.id)))
         LIMIT $2::pg_catalog.int4) AS waiting
