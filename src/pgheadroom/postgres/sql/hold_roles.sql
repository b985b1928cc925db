-- rows: oid, text, int4, bool, bool, bool, text
-- What could be held of the roles that have one of these names or numbers, and whether our role may: the server's own
-- rules for ALTER ROLE (AlterRole in src/backend/commands/user.c). Last its timeout for idle transactions, as written.
SELECT r.oid, r.rolname::pg_catalog.text, r.rolconnlimit, r.rolcanlogin, r.rolsuper,
       me.rolsuper OR (me.rolcreaterole AND NOT r.rolsuper
           AND NOT r.rolreplication -- before 16
           AND pg_catalog.pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') -- from 16 on
       ),
       COALESCE((SELECT pg_catalog.substr(c.entry, 37)
                   FROM pg_catalog.pg_db_role_setting AS s
                  CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry)
                  WHERE s.setrole OPERATOR(pg_catalog.=) r.oid
                    AND s.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid
                    AND pg_catalog.starts_with(c.entry, 'idle_in_transaction_session_timeout='::pg_catalog.text)),
                ''::pg_catalog.text)
  FROM pg_catalog.pg_roles AS r
  JOIN pg_catalog.pg_roles AS me ON me.rolname OPERATOR(pg_catalog.=) current_user
 WHERE EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.bytea[]) AS p(name)
                WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(r.rolname::pg_catalog.text))
    OR EXISTS (SELECT FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS p(number)
                WHERE p.number OPERATOR(pg_catalog.=) r.oid)
