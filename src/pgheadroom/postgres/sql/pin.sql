-- row: text, text, text
-- What each transaction of ours begins with, and what ends with it: behind a pooler the session is not ours, its
-- search_path is what a database's owner wishes, and our session's settings do not hold.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
       pg_catalog.set_config('statement_timeout', $1::pg_catalog.text, true),
       pg_catalog.set_config('lock_timeout', $2::pg_catalog.text, true)
