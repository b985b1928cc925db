-- Takes away what pgheadroom advise --sql made; in each database where it was run, and DROP ROLE in the last one.
BEGIN;
DROP VIEW IF EXISTS pgheadroom.connection_monitor;
DROP FUNCTION IF EXISTS pgheadroom.health();
DROP FUNCTION IF EXISTS pgheadroom.connections();
DROP SCHEMA IF EXISTS pgheadroom;
DROP ROLE IF EXISTS pgheadroom_monitor;
COMMIT;
