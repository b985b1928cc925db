-- row: oid[], int8?
-- Looks up the roles of all sessions, so that they are in the cache of our session when pg_authid is locked: signals
-- need them there (see signal.sql). In the same words as there, and for the server's own check.
-- Returns the members of role 10, the first superuser, that are no superusers themselves.
WITH RECURSIVE heirs(role) AS (
    SELECT 10::pg_catalog.oid
     UNION
    SELECT m.member
      FROM heirs AS h
      JOIN pg_catalog.pg_auth_members AS m ON m.roleid OPERATOR(pg_catalog.=) h.role
)
SELECT ARRAY(SELECT r.oid
               FROM heirs AS h
               JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) h.role
              WHERE NOT r.rolsuper),
       (SELECT pg_catalog.count(pg_catalog.pg_get_userbyid(o.role))
               OPERATOR(pg_catalog.+)
               pg_catalog.count(pg_catalog.pg_has_role(o.role, 10::pg_catalog.oid, 'MEMBER'::pg_catalog.text))
               OPERATOR(pg_catalog.+)
               pg_catalog.count(pg_catalog.pg_has_role(o.role, 'USAGE'::pg_catalog.text))
               OPERATOR(pg_catalog.+)
               pg_catalog.count(pg_catalog.pg_has_role(4200::pg_catalog.oid, 'USAGE'::pg_catalog.text))
               OPERATOR(pg_catalog.+)
               pg_catalog.count(pg_catalog.pg_has_role(10::pg_catalog.oid, 'MEMBER'::pg_catalog.text))
          FROM (SELECT DISTINCT a.usesysid
                  FROM pg_catalog.pg_stat_get_activity(NULL::pg_catalog.int4) AS a
                 WHERE a.usesysid IS NOT NULL) AS o(role))
