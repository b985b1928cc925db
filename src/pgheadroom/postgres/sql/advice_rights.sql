-- rows: bool, bool
SELECT me.rolsuper, me.rolcreaterole
  FROM pg_catalog.pg_roles AS me
 WHERE me.rolname OPERATOR(pg_catalog.=) current_user
