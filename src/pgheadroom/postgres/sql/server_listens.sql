-- row: bool
-- Whether this server can be reached over TCP at all.
SELECT pg_catalog.current_setting('listen_addresses') OPERATOR(pg_catalog.<>) ''
