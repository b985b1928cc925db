-- row: text, text, text, text, text, text, text
-- What apply_change.sql works with: DO takes no values. They end with the transaction. A value has = before it; empty is
-- one that is not set.
SELECT pg_catalog.set_config('pgheadroom.parameter', $1::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.role', $2::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.role_names', $3::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.database', $4::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.database_names', $5::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.old', $6::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.new', $7::pg_catalog.text, true)
