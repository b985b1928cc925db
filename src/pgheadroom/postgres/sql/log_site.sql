-- row: bool, bool, text, text, text
-- Whether our role may read the server's log, by the numbers of pg_current_logfile(text) and
-- pg_read_binary_file(text, int8, int8), which never change, and list its files (pg_ls_logdir()); and whether there is
-- one that the server itself writes.
SELECT pg_catalog.has_function_privilege(3801::pg_catalog.oid, 'EXECUTE')
       AND pg_catalog.has_function_privilege(3827::pg_catalog.oid, 'EXECUTE'),
       pg_catalog.has_function_privilege(3353::pg_catalog.oid, 'EXECUTE'),
       pg_catalog.current_setting('logging_collector'),
       pg_catalog.current_setting('log_destination'),
       pg_catalog.current_setting('log_line_prefix')
