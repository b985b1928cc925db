-- rows: text, text?, text?, text?, text?, text, text?, int4?, bool
-- What advice is about, and what waits for a restart.
SELECT s.name, s.setting, s.unit, s.reset_val, s.boot_val, s.context, s.sourcefile, s.sourceline, s.pending_restart
  FROM pg_catalog.pg_settings AS s
 WHERE s.pending_restart
    OR EXISTS (SELECT
                 FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w(name)
                WHERE w.name OPERATOR(pg_catalog.=) s.name)
