-- As a superuser: in each database behind PgBouncer, or in the one of auth_dbname.
-- Whoever calls it acts as its owner, so it names every function in full, finds nothing by a search_path of others, and
-- may be called by the auth user alone. It tells no superuser's secret, none of a replication role, none of a role that
-- may not log in; of one whose VALID UNTIL has passed it gives no secret, so that nobody gets in with it.
BEGIN;
CREATE SCHEMA pgbouncer;
REVOKE ALL ON SCHEMA pgbouncer FROM PUBLIC;
CREATE FUNCTION pgbouncer.get_auth(asked pg_catalog.text)
    RETURNS TABLE (username pg_catalog.text, password pg_catalog.text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $get_auth$
        SELECT a.rolname::pg_catalog.text,
               CASE WHEN a.rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL
                    ELSE a.rolpassword END
          FROM pg_catalog.pg_authid AS a
         WHERE a.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
           AND a.rolcanlogin AND NOT a.rolsuper AND NOT a.rolreplication
    $get_auth$;
REVOKE ALL ON FUNCTION pgbouncer.get_auth(pg_catalog.text) FROM PUBLIC;
GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer_auth;
GRANT EXECUTE ON FUNCTION pgbouncer.get_auth(pg_catalog.text) TO pgbouncer_auth;
COMMIT;
