-- rows: oid, text, bool, int4, bool, bool, bool, bool
-- Membership in pg_use_reserved_connections counts only where it is inherited (16+: a property of each grant).
WITH RECURSIVE heirs(role) AS (
    SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) 'pg_use_reserved_connections'
    UNION
    SELECT m.member
      FROM pg_catalog.pg_auth_members AS m JOIN heirs AS h ON h.role OPERATOR(pg_catalog.=) m.roleid
     WHERE m.inherit_option
)
SELECT r.oid, r.rolname::pg_catalog.text, r.rolsuper, r.rolconnlimit, r.rolreplication,
       EXISTS (SELECT FROM heirs AS h WHERE h.role OPERATOR(pg_catalog.=) r.oid),
       r.rolcanlogin, coalesce(r.rolvaliduntil OPERATOR(pg_catalog.<) CURRENT_TIMESTAMP, false)
  FROM pg_catalog.pg_roles AS r
