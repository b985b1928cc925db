-- rows: text, text?, bool?, bool?
-- The values that a login of this role to this database gets, one row for each place that sets one.
-- The server's own value is what ours would be reset to. It is not known where our role, our database or our startup
-- packet ($3) sets it.
WITH wanted(name) AS (
    VALUES ('statement_timeout'), ('lock_timeout'), ('idle_in_transaction_session_timeout'), ('idle_session_timeout'),
           ('transaction_timeout')
), whose AS (
    SELECT a.datid, a.usesysid FROM pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) AS a
), placed AS (
    SELECT s.setdatabase, s.setrole,
           pg_catalog.split_part(c.line, '=', 1) AS name,
           pg_catalog.substr(c.line, pg_catalog.strpos(c.line, '=') OPERATOR(pg_catalog.+) 1) AS value
      FROM pg_catalog.pg_db_role_setting AS s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(line)
)
SELECT p.name, p.value, p.setdatabase OPERATOR(pg_catalog.<>) 0, p.setrole OPERATOR(pg_catalog.<>) 0
  FROM placed AS p JOIN wanted AS w ON w.name OPERATOR(pg_catalog.=) p.name CROSS JOIN whose
 WHERE (p.setdatabase OPERATOR(pg_catalog.=) 0 OR p.setdatabase OPERATOR(pg_catalog.=) whose.datid)
   AND (p.setrole OPERATOR(pg_catalog.=) 0 OR p.setrole OPERATOR(pg_catalog.=) whose.usesysid)
UNION ALL
SELECT g.name, g.reset_val, NULL, NULL
  FROM pg_catalog.pg_settings AS g JOIN wanted AS w ON w.name OPERATOR(pg_catalog.=) g.name
 WHERE NOT $3::pg_catalog.bool
   AND NOT EXISTS (
           SELECT FROM placed AS p
            WHERE p.name OPERATOR(pg_catalog.=) g.name
              AND (p.setdatabase OPERATOR(pg_catalog.=) 0
                   OR p.setdatabase OPERATOR(pg_catalog.=) $2::pg_catalog.oid)
              AND (p.setrole OPERATOR(pg_catalog.=) 0
                   OR p.setrole OPERATOR(pg_catalog.=) (SELECT r.oid FROM pg_catalog.pg_roles AS r
                                                         WHERE r.rolname OPERATOR(pg_catalog.=) session_user)))
