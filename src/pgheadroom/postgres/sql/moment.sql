-- row: timestamptz, bool?
-- The beginning of our transaction; a keyword, which nobody can revoke.
SELECT CURRENT_TIMESTAMP, pg_catalog.pg_is_in_recovery()
