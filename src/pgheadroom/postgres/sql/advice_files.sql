-- rows: text, text?, text?, int4?, bool, text?
-- The configuration files as they are read now. By default only superusers are shown them.
SELECT f.name, f.setting, f.sourcefile, f.sourceline, f.applied, f.error
  FROM pg_catalog.pg_show_all_file_settings() AS f
 WHERE EXISTS (SELECT
                 FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w(name)
                WHERE w.name OPERATOR(pg_catalog.=) f.name)
 ORDER BY f.seqno
