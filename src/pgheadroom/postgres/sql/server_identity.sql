-- row: int8
-- The same for a primary and its physical standbys: it was made by initdb.
SELECT system_identifier FROM pg_catalog.pg_control_system()
