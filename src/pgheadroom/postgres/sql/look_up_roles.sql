-- row: oid[], int8?
-- Looks up the roles of all sessions, so that they are in the cache of our session when pg_authid is locked: signals
-- need them there (see signal.sql). In the same words as there, and for the server's own check.
-- Not from pg_stat_get_activity: that goes through the list of all processes for each row.
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
          FROM (SELECT DISTINCT pg_catalog.pg_stat_get_backend_userid(b.id)
                  FROM pg_catalog.pg_stat_get_backend_idset() AS b(id)
                 WHERE pg_catalog.pg_stat_get_backend_userid(b.id) OPERATOR(pg_catalog.>) 0::pg_catalog.oid) AS o(role))
