-- row: text, text?, text, text?, timestamptz, bool, bool, text?
-- A setting of the server: what new sessions get, where that comes from, when the configuration was last read, and
-- whether our role may change it in postgresql.auto.conf and have that read.
SELECT s.reset_val, s.unit, s.source, s.sourcefile, pg_catalog.pg_conf_load_time(),
       me.rolsuper, -- before 15
       pg_catalog.has_parameter_privilege($1::pg_catalog.text, 'ALTER SYSTEM'), -- from 15 on
       pg_catalog.has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE'),
       pg_catalog.current_setting('allow_alter_system', true)
  FROM pg_catalog.pg_settings AS s
  JOIN pg_catalog.pg_roles AS me ON me.rolname OPERATOR(pg_catalog.=) current_user
 WHERE s.name OPERATOR(pg_catalog.=) $1::pg_catalog.text
