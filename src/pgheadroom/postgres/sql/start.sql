-- row: timestamptz
SELECT pg_catalog.pg_postmaster_start_time()
