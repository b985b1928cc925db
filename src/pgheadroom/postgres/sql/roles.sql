-- rows: oid, text, bool, int4, bool, bool
SELECT r.oid, r.rolname::pg_catalog.text, r.rolsuper, r.rolconnlimit, r.rolreplication, false
  FROM pg_catalog.pg_roles AS r
