-- The way back: in each database, and the last line once, when it is gone from all of them.
DROP FUNCTION IF EXISTS pgbouncer.get_auth(pg_catalog.text);
DROP SCHEMA IF EXISTS pgbouncer;
-- DROP ROLE pgbouncer_auth;
