-- rows: oid, text, int4, bool, text
SELECT d.oid, d.datname::pg_catalog.text, d.datconnlimit, d.datallowconn, pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text
  FROM pg_catalog.pg_database AS d
