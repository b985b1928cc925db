-- row: timestamptz, bool?
-- As moment.sql, where the right to call pg_is_in_recovery() was revoked.
SELECT CURRENT_TIMESTAMP, NULL::pg_catalog.bool
