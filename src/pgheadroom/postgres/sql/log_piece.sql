-- row: text?, text?, int8, bytea?, timestamp, text
-- A piece of a log file: from where we were, or its end where that is further away than the piece is long. The length of
-- a file is found by looking whether it has a byte at a place: to ask for it would take another grant.
WITH RECURSIVE place AS MATERIALIZED (
    SELECT now.file AS current, coalesce($2::pg_catalog.text, now.file) AS file
      FROM (SELECT pg_catalog.pg_current_logfile($1::pg_catalog.text)) AS now(file)
), bounds AS (
    SELECT place.file AS file,
           $3::pg_catalog.int8 OPERATOR(pg_catalog.+) $4::pg_catalog.int8 OPERATOR(pg_catalog.+) 1 AS low,
           17592186044416 AS high
      FROM place
     WHERE pg_catalog.octet_length(pg_catalog.pg_read_binary_file(
               place.file, $3::pg_catalog.int8 OPERATOR(pg_catalog.+) $4::pg_catalog.int8, 1::pg_catalog.int8))
           OPERATOR(pg_catalog.>) 0
     UNION ALL
    SELECT halved.file,
           CASE WHEN halved.reached THEN halved.middle ELSE halved.low END,
           CASE WHEN halved.reached THEN halved.high ELSE halved.middle OPERATOR(pg_catalog.-) 1 END
      FROM (SELECT half.file, half.low, half.high, half.middle,
                   pg_catalog.octet_length(pg_catalog.pg_read_binary_file(
                       half.file, half.middle OPERATOR(pg_catalog.-) 1, 1::pg_catalog.int8))
                   OPERATOR(pg_catalog.>) 0
              FROM (SELECT bounds.file, bounds.low, bounds.high,
                           (bounds.low OPERATOR(pg_catalog.+) bounds.high OPERATOR(pg_catalog.+) 1)
                           OPERATOR(pg_catalog./) 2
                      FROM bounds
                     WHERE bounds.low OPERATOR(pg_catalog.<) bounds.high) AS half(file, low, high, middle)
           ) AS halved(file, low, high, middle, reached)
), start AS MATERIALIZED (
    SELECT coalesce(pg_catalog.max(bounds.low) OPERATOR(pg_catalog.-) $4::pg_catalog.int8, $3::pg_catalog.int8) AS at
      FROM bounds
)
SELECT place.current,
       place.file,
       start.at,
       pg_catalog.pg_read_binary_file(place.file, start.at, $4::pg_catalog.int8),
       pg_catalog.timezone(pg_catalog.current_setting('log_timezone'), pg_catalog.clock_timestamp()),
       pg_catalog.current_setting('log_line_prefix')
  FROM place, start
