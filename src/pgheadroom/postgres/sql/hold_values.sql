-- row: text, text, text, text, text, text, text, text
-- What hold_change.sql works with: DO takes no values. They end with the transaction. Empty is what is not touched;
-- a timeout has = before it, alone where it is not set.
SELECT pg_catalog.set_config('pgheadroom.number', $1::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.names', $2::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.old_limit', $3::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.new_limit', $4::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.old_login', $5::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.new_login', $6::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.old_timeout', $7::pg_catalog.text, true),
       pg_catalog.set_config('pgheadroom.new_timeout', $8::pg_catalog.text, true)
