-- rows: text, text, oid, oid
-- What is set for roles and databases; 0 is all of them.
SELECT pg_catalog.split_part(c.line, '=', 1),
       pg_catalog.substr(c.line, pg_catalog.strpos(c.line, '=') OPERATOR(pg_catalog.+) 1),
       s.setrole, s.setdatabase
  FROM pg_catalog.pg_db_role_setting AS s
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(line)
 WHERE EXISTS (SELECT
                 FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w(name)
                WHERE w.name OPERATOR(pg_catalog.=) pg_catalog.split_part(c.line, '=', 1))
