-- People: users, their roles and their tokens.

-- person --
-- Who a token or a session stands for, with the roles that count today. A role's last day ends at
-- midnight in its park (the tenant's home park for a role in a tenant), in UTC without a park.
SELECT u.id, u.email, u.name, k.token_id, k.session_id, k.scopes,
       k.last_used_at IS NULL OR k.last_used_at < now() - INTERVAL '1 minute' AS unmarked,
       coalesce(m.memberships, '[]') AS memberships,
       EXISTS (SELECT FROM agreements WHERE reader = 'user:' || u.id) AS has_passes
FROM valid_keys k
JOIN users u ON u.id = k.user_id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
        'role', m.role, 'park_id', m.park_id, 'tenant_id', m.tenant_id, 'until', m.until
    ) ORDER BY m.id) AS memberships
    FROM memberships m
    LEFT JOIN tenants t ON t.id = m.tenant_id
    LEFT JOIN parks p ON p.id = coalesce(m.park_id, t.park_id)
    WHERE m.user_id = u.id
      AND (m.until IS NULL OR m.until >= (now() AT TIME ZONE coalesce(p.time_zone, 'UTC'))::date)
) m ON true
WHERE k.sha256 = %(sha256)s;

-- mark_token_used --
-- Requests at the same moment do not wait for each other.
UPDATE tokens SET last_used_at = now()
WHERE id = (SELECT id FROM tokens WHERE id = %(token_id)s FOR UPDATE SKIP LOCKED);

-- mark_session_used --
UPDATE sessions SET last_used_at = now()
WHERE id = (SELECT id FROM sessions WHERE id = %(session_id)s FOR UPDATE SKIP LOCKED);

-- create_user --
INSERT INTO users (email, name, language) VALUES (%(email)s, %(name)s, %(language)s) RETURNING *;

-- users --
-- People are seen by themselves, by administrators and by the owners of a tenant they belong to.
SELECT u.* FROM users u
WHERE (%(everything)s OR u.id IN (
           SELECT %(viewer)s UNION
           SELECT m.user_id FROM memberships m WHERE m.tenant_id = ANY(%(owned)s)))
  AND (%(id)s::bigint IS NULL OR u.id = %(id)s)
  AND (%(email)s::text IS NULL OR lower(u.email) = lower(%(email)s))
  AND (%(after)s::bigint IS NULL OR u.id > %(after)s)
  AND (%(longest)s::text IS NULL OR searched(u.email || ' ' || u.name) LIKE %(longest)s)
  AND (%(patterns)s::text[] IS NULL OR searched(u.email || ' ' || u.name) LIKE ALL(%(patterns)s))
ORDER BY u.id
LIMIT %(limit)s;

-- forget_person --
SELECT forget_person(%(user_id)s);

-- create_membership --
INSERT INTO memberships (user_id, role, park_id, tenant_id, until)
VALUES (%(user_id)s, %(role)s, %(park_id)s, %(tenant_id)s, %(until)s)
RETURNING *;

-- memberships --
SELECT m.* FROM memberships m
WHERE m.user_id = %(user_id)s
  AND (%(everything)s OR m.user_id = %(viewer)s OR m.tenant_id = ANY(%(owned)s))
  AND (%(id)s::bigint IS NULL OR m.id = %(id)s)
  AND (%(after)s::bigint IS NULL OR m.id > %(after)s)
ORDER BY m.id
LIMIT %(limit)s;

-- end_membership --
DELETE FROM memberships WHERE id = %(id)s;

-- create_token --
INSERT INTO tokens (user_id, name, sha256, expires_at, scopes)
VALUES (%(user_id)s, %(name)s, %(sha256)s, %(expires_at)s, %(scopes)s)
RETURNING id, user_id, name, scopes, created_at, expires_at, last_used_at;

-- tokens --
SELECT id, user_id, name, scopes, created_at, expires_at, last_used_at FROM tokens
WHERE user_id = %(user_id)s AND revoked_at IS NULL
  AND (%(after)s::bigint IS NULL OR id > %(after)s)
ORDER BY id
LIMIT %(limit)s;

-- revoke_token --
UPDATE tokens SET revoked_at = now()
WHERE id = %(id)s AND revoked_at IS NULL AND (%(everything)s OR user_id = %(viewer)s)
RETURNING id;
