-- rows: text
-- The log's files that were written last between two others, by the second to which a file system tells it: $1 is the
-- one that was read, $2 the one that is written now.
SELECT f.name
  FROM pg_catalog.pg_ls_logdir() AS f(name, size, modification),
       pg_catalog.pg_ls_logdir() AS old(name, size, modification)
 WHERE old.name OPERATOR(pg_catalog.=) $1::pg_catalog.text
   AND f.modification OPERATOR(pg_catalog.>=) old.modification
   AND f.name OPERATOR(pg_catalog.<>) $1::pg_catalog.text
   AND f.name OPERATOR(pg_catalog.<>) $2::pg_catalog.text
 ORDER BY f.modification, f.name
