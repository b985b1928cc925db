-- As a superuser: who cannot come in through PgBouncer before a new password is set (\password in psql).
SELECT a.rolname,
       CASE WHEN a.rolpassword IS NULL THEN 'no password'
            WHEN a.rolpassword OPERATOR(pg_catalog.~) '^md5' THEN 'md5 secret: set the password again'
            ELSE 'VALID UNTIL has passed' END AS why
  FROM pg_catalog.pg_authid AS a
 WHERE a.rolcanlogin AND NOT a.rolsuper AND NOT a.rolreplication
   AND a.rolname OPERATOR(pg_catalog.<>) 'pgbouncer_auth'
   AND (a.rolpassword IS NULL OR a.rolpassword OPERATOR(pg_catalog.~) '^md5'
        OR a.rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now())
 ORDER BY 1;
