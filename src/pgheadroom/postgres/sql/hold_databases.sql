-- rows: oid, text, int4, bool, bool, bool, text
-- What could be held of the databases that have one of these names or numbers, and whether our role may.
SELECT d.oid, d.datname::pg_catalog.text, d.datconnlimit, true, false,
       pg_catalog.pg_has_role(d.datdba, 'USAGE'), ''::pg_catalog.text
  FROM pg_catalog.pg_database AS d
 WHERE EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.bytea[]) AS p(name)
                WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(d.datname::pg_catalog.text))
    OR EXISTS (SELECT FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS p(number)
                WHERE p.number OPERATOR(pg_catalog.=) d.oid)
