-- nothing
-- Compares and changes at once. ALTER has no WHERE: all our programs in this database take the same lock before they
-- compare, and its wait ends with lock_timeout. Who is in another database, or is another program, can still change it
-- between the two; so what it is afterwards is read in a transaction of its own.
DO $change$
<<hold>>
DECLARE
    name pg_catalog.text;
    limited pg_catalog.int4;
    login pg_catalog.bool;
    timeout pg_catalog.text; -- for role
    verdict pg_catalog.text;
    wanted CONSTANT pg_catalog.oid := pg_catalog.current_setting('pgheadroom.number')::pg_catalog.oid;
    old_limit CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.old_limit');
    new_limit CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.new_limit');
    old_login CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.old_login'); -- for role
    new_login CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.new_login'); -- for role
    old_timeout CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.old_timeout'); -- for role
    new_timeout CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.new_timeout'); -- for role
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(7067486, 1);
    SELECT r.rolname::pg_catalog.text, r.rolconnlimit, r.rolcanlogin INTO name, limited, login -- for role
      FROM pg_catalog.pg_roles AS r WHERE r.oid OPERATOR(pg_catalog.=) wanted; -- for role
    SELECT pg_catalog.substr(c.entry, 36) INTO timeout -- for role
      FROM pg_catalog.pg_db_role_setting AS s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry) -- for role
     WHERE s.setrole OPERATOR(pg_catalog.=) wanted AND s.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid -- for role
       AND pg_catalog.starts_with(c.entry, 'idle_in_transaction_session_timeout='::pg_catalog.text); -- for role
    SELECT d.datname::pg_catalog.text, d.datconnlimit, true INTO name, limited, login -- for database
      FROM pg_catalog.pg_database AS d WHERE d.oid OPERATOR(pg_catalog.=) wanted; -- for database
    verdict := CASE
        WHEN pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN 'stale'
        WHEN name IS NULL THEN 'gone'
        WHEN NOT EXISTS (SELECT FROM pg_catalog.unnest(
                             pg_catalog.current_setting('pgheadroom.names')::pg_catalog.bytea[]) AS p(name)
                          WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(hold.name)) THEN 'renamed'
        WHEN limited OPERATOR(pg_catalog.<) '-1'::pg_catalog.int4 THEN 'invalid'
        WHEN old_limit OPERATOR(pg_catalog.<>) '' AND limited OPERATOR(pg_catalog.<>) old_limit::pg_catalog.int4
             THEN 'changed'
        WHEN old_login OPERATOR(pg_catalog.<>) '' AND login OPERATOR(pg_catalog.<>) old_login::pg_catalog.bool -- for role
             THEN 'changed' -- for role
        WHEN old_timeout OPERATOR(pg_catalog.<>) '' -- for role
             AND COALESCE(timeout, '=') OPERATOR(pg_catalog.<>) old_timeout THEN 'changed' -- for role
        ELSE 'done' END;
    IF verdict OPERATOR(pg_catalog.=) 'done' THEN
        EXECUTE pg_catalog.format('ALTER ROLE %I%s%s', name, -- for role
            CASE WHEN new_login OPERATOR(pg_catalog.=) '' THEN ''::pg_catalog.text -- for role
                 WHEN new_login::pg_catalog.bool THEN ' LOGIN' ELSE ' NOLOGIN' END, -- for role
        EXECUTE pg_catalog.format('ALTER DATABASE %I%s', name, -- for database
            CASE WHEN new_limit OPERATOR(pg_catalog.=) '' THEN ''::pg_catalog.text
                 ELSE pg_catalog.format(' CONNECTION LIMIT %s', new_limit::pg_catalog.int4) END);
        IF new_timeout OPERATOR(pg_catalog.<>) '' THEN -- for role
            EXECUTE CASE WHEN new_timeout OPERATOR(pg_catalog.=) '=' -- for role
                THEN pg_catalog.format('ALTER ROLE %I RESET idle_in_transaction_session_timeout', name) -- for role
                ELSE pg_catalog.format('ALTER ROLE %I SET idle_in_transaction_session_timeout TO %L', name, -- for role
                                       pg_catalog.substr(new_timeout, 2)) END; -- for role
        END IF; -- for role
    END IF;
    PERFORM pg_catalog.set_config('pgheadroom.verdict', verdict, true);
END
$change$
