-- row: text?, bool
-- Slots that Amazon RDS keeps for its rds_superuser beside the server's own reserves (up to 15), and whether we are one.
SELECT pg_catalog.current_setting('rds.rds_superuser_reserved_connections', true),
       EXISTS (SELECT FROM pg_catalog.pg_roles AS r
                WHERE r.rolname OPERATOR(pg_catalog.=) 'rds_superuser'
                  AND pg_catalog.pg_has_role(r.oid, 'USAGE'))
