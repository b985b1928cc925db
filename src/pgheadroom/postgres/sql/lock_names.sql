-- rows: oid, text
-- What relations are called. Asked once for each that is waited for: it waits when pg_class is locked.
SELECT c.oid,
       pg_catalog.concat(c.relkind, ':', n.nspname, '.', c.relname)
  FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS wanted(oid)
  JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) wanted.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
