-- row: bool, text?, int4?
-- Whether it is a standby, and whom it follows; that is hidden from roles that may not read statistics.
SELECT pg_catalog.pg_is_in_recovery(), w.sender_host, w.sender_port
  FROM (SELECT) AS one
  LEFT JOIN pg_catalog.pg_stat_get_wal_receiver() AS w ON true
