-- nothing
-- Compares and changes at once, as hold_change.sql does, under the same lock. 0 is no role, or no database.
DO $change$
<<apply>>
DECLARE
    role_name pg_catalog.text;
    role_limit pg_catalog.int4;
    database_name pg_catalog.text;
    database_limit pg_catalog.int4;
    there pg_catalog.text;
    verdict pg_catalog.text;
    subject pg_catalog.text;
    parameter CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.parameter');
    role_oid CONSTANT pg_catalog.oid := pg_catalog.current_setting('pgheadroom.role')::pg_catalog.oid;
    database_oid CONSTANT pg_catalog.oid := pg_catalog.current_setting('pgheadroom.database')::pg_catalog.oid;
    old_value CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.old');
    new_value CONSTANT pg_catalog.text := pg_catalog.current_setting('pgheadroom.new');
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(7067486, 1);
    SELECT r.rolname::pg_catalog.text, r.rolconnlimit INTO role_name, role_limit
      FROM pg_catalog.pg_roles AS r WHERE r.oid OPERATOR(pg_catalog.=) role_oid;
    SELECT d.datname::pg_catalog.text, d.datconnlimit INTO database_name, database_limit
      FROM pg_catalog.pg_database AS d WHERE d.oid OPERATOR(pg_catalog.=) database_oid;
    IF parameter OPERATOR(pg_catalog.=) '' THEN
        there := pg_catalog.concat('=', COALESCE(role_limit, database_limit));
    ELSE
        SELECT pg_catalog.substr(c.entry, pg_catalog.length(parameter) OPERATOR(pg_catalog.+) 1) INTO there
          FROM pg_catalog.pg_db_role_setting AS s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry)
         WHERE s.setrole OPERATOR(pg_catalog.=) role_oid AND s.setdatabase OPERATOR(pg_catalog.=) database_oid
           AND pg_catalog.starts_with(c.entry, pg_catalog.concat(parameter, '='));
    END IF;
    verdict := CASE
        WHEN pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN 'stale'
        WHEN role_oid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND role_name IS NULL THEN 'gone'
        WHEN database_oid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND database_name IS NULL THEN 'gone'
        WHEN role_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.unnest(
                 pg_catalog.current_setting('pgheadroom.role_names')::pg_catalog.bytea[]) AS p(name)
              WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(role_name)) THEN 'renamed'
        WHEN database_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.unnest(
                 pg_catalog.current_setting('pgheadroom.database_names')::pg_catalog.bytea[]) AS p(name)
              WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.textsend(database_name)) THEN 'renamed'
        WHEN database_limit OPERATOR(pg_catalog.<) '-1'::pg_catalog.int4 THEN 'invalid'
        WHEN COALESCE(there, '') OPERATOR(pg_catalog.<>) old_value THEN 'changed'
        ELSE 'done' END;
    IF verdict OPERATOR(pg_catalog.=) 'done' THEN
        subject := CASE WHEN role_name IS NULL THEN pg_catalog.format('ALTER DATABASE %I', database_name)
                        WHEN database_name IS NULL THEN pg_catalog.format('ALTER ROLE %I', role_name)
                        ELSE pg_catalog.format('ALTER ROLE %I IN DATABASE %I', role_name, database_name) END;
        EXECUTE pg_catalog.concat(subject, CASE
            WHEN parameter OPERATOR(pg_catalog.=) ''
            THEN pg_catalog.format(' CONNECTION LIMIT %s', pg_catalog.substr(new_value, 2)::pg_catalog.int4)
            WHEN new_value OPERATOR(pg_catalog.=) '' THEN pg_catalog.format(' RESET %I', parameter)
            ELSE pg_catalog.format(' SET %I TO %L', parameter, pg_catalog.substr(new_value, 2)) END);
    END IF;
    PERFORM pg_catalog.set_config('pgheadroom.verdict', verdict, true);
END
$change$
