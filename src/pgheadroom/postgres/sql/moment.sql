SELECT pg_catalog.clock_timestamp(), pg_catalog.pg_is_in_recovery()
