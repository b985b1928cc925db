-- rows: bytea, bool
-- The prepared transaction of this name, as it may be spelt, that was prepared at this moment; whether it is of the
-- database that we are in.
SELECT pg_catalog.textsend(p.gid),
       p.dbid OPERATOR(pg_catalog.=) d.oid
  FROM pg_catalog.pg_prepared_xact() AS p
  JOIN pg_catalog.pg_database AS d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
 WHERE EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.bytea[]) AS n(name)
                WHERE n.name OPERATOR(pg_catalog.=) pg_catalog.textsend(p.gid))
   AND p.prepared OPERATOR(pg_catalog.=) COALESCE($2::pg_catalog.timestamptz, p.prepared)
