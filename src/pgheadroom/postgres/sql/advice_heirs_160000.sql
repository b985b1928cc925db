-- rows: oid, bool
-- Who was granted the reserve, and whether the grant is inherited: without that it does not count.
SELECT m.member, m.inherit_option
  FROM pg_catalog.pg_auth_members AS m
  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) m.roleid
 WHERE r.rolname OPERATOR(pg_catalog.=) 'pg_use_reserved_connections'
