-- People: users, their roles and their tokens.

-- person --
SELECT * FROM key_holders WHERE sha256 = %(sha256)s;

-- person_and_device --
-- Both in one journey. Whether the person may see the device is asked of the answer.
SELECT to_jsonb(p) - 'sha256' AS person, d.*, a.last_seen, a.online,
       array_remove(ARRAY[d.lab_park_id, d.home_park_id], NULL) AS parks, false AS shared
FROM key_holders p
LEFT JOIN devices d ON d.id = %(id)s
LEFT JOIN device_activity a ON a.device_id = d.id
WHERE p.sha256 = %(sha256)s;

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
