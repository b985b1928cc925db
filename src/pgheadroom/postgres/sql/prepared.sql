-- rows: bytea, oid, oid, timestamptz
-- The oldest prepared transactions. The function, not the view pg_prepared_xacts: that waits when pg_authid is locked.
-- A gid is whatever its transaction manager calls it, in the encoding of its database.
SELECT pg_catalog.textsend(p.gid), p.ownerid, p.dbid, p.prepared
  FROM pg_catalog.pg_prepared_xact() AS p
 ORDER BY p.prepared
 LIMIT 5
