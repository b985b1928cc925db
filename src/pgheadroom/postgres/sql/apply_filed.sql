-- rows: text?, bool, text?
-- What postgresql.auto.conf says of a setting, the last line last. By default only superusers are shown it.
SELECT f.setting, f.applied, f.error
  FROM pg_catalog.pg_show_all_file_settings() AS f
 WHERE pg_catalog.lower(f.name) OPERATOR(pg_catalog.=) $1::pg_catalog.text
   AND pg_catalog.right(f.sourcefile, 21) OPERATOR(pg_catalog.=) '/postgresql.auto.conf'
 ORDER BY f.seqno
