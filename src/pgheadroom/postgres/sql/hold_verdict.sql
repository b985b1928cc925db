-- row: text
SELECT pg_catalog.current_setting('pgheadroom.verdict')
