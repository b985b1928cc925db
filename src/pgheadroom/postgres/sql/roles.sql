-- rows: oid, text, bool, int4, bool, bool, bool, bool
SELECT r.oid, r.rolname::pg_catalog.text, r.rolsuper, r.rolconnlimit, r.rolreplication, false,
       r.rolcanlogin, coalesce(r.rolvaliduntil OPERATOR(pg_catalog.<) CURRENT_TIMESTAMP, false)
  FROM pg_catalog.pg_roles AS r
