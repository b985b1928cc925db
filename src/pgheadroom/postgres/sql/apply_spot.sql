-- rows: oid?, text?, oid?, text?, text?, bool, bool
-- What stands at a spot: a setting ($1) of a role ($2 by number, else $3 by name), of a database ($4, $5), or of a role
-- in a database; without a setting the connection limit. And whether our role may change it: the server's own rules
-- (AlterRole and AlterRoleSet in src/backend/commands/user.c, AlterDatabase and AlterDatabaseSet in dbcommands.c).
SELECT r.oid, r.rolname::pg_catalog.text, d.oid, d.datname::pg_catalog.text,
       CASE WHEN $1::pg_catalog.text OPERATOR(pg_catalog.=) ''
            THEN COALESCE(r.rolconnlimit, d.datconnlimit)::pg_catalog.text
            ELSE (SELECT pg_catalog.substr(c.entry,
                             pg_catalog.length($1::pg_catalog.text) OPERATOR(pg_catalog.+) 2)
                    FROM pg_catalog.pg_db_role_setting AS s
                   CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry)
                   WHERE s.setrole OPERATOR(pg_catalog.=) COALESCE(r.oid, 0::pg_catalog.oid)
                     AND s.setdatabase OPERATOR(pg_catalog.=) COALESCE(d.oid, 0::pg_catalog.oid)
                     AND pg_catalog.starts_with(c.entry, $1::pg_catalog.text OPERATOR(pg_catalog.||) '=')) END,
       CASE WHEN me.rolsuper THEN true
            WHEN r.oid IS NULL THEN COALESCE(pg_catalog.pg_has_role(d.datdba, 'USAGE'), false)
            WHEN r.rolsuper THEN false
            WHEN $1::pg_catalog.text OPERATOR(pg_catalog.<>) '' AND r.oid OPERATOR(pg_catalog.=) me.oid THEN true
            ELSE me.rolcreaterole
                 AND ($1::pg_catalog.text OPERATOR(pg_catalog.<>) '' OR NOT r.rolreplication) -- before 16
                 AND pg_catalog.pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') -- from 16 on
            END,
       COALESCE(r.rolsuper, false)
  FROM pg_catalog.pg_roles AS me
  LEFT JOIN pg_catalog.pg_roles AS r
    ON r.oid OPERATOR(pg_catalog.=) $2::pg_catalog.oid
    OR ($2::pg_catalog.oid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        AND EXISTS (SELECT FROM pg_catalog.unnest($3::pg_catalog.bytea[]) AS p(name)
                     WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(r.rolname::pg_catalog.text)))
  LEFT JOIN pg_catalog.pg_database AS d
    ON d.oid OPERATOR(pg_catalog.=) $4::pg_catalog.oid
    OR ($4::pg_catalog.oid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        AND EXISTS (SELECT FROM pg_catalog.unnest($5::pg_catalog.bytea[]) AS p(name)
                     WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(d.datname::pg_catalog.text)))
 WHERE me.rolname OPERATOR(pg_catalog.=) current_user
