-- Sign-in: passwords, attempts that fail, sessions.

-- account --
-- What is known of an address: for an unknown one there is no row, for a user without a password
-- no hash. An authenticator counts when a code of it was seen.
SELECT u.id, u.email, p.hash, a.secret
FROM users u
LEFT JOIN passwords p ON p.user_id = u.id
LEFT JOIN authenticators a ON a.user_id = u.id AND a.confirmed_at IS NOT NULL
WHERE lower(u.email) = lower(%(email)s);

-- set_password --
INSERT INTO passwords (user_id, hash) VALUES (%(user_id)s, %(hash)s)
ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, set_at = now();

-- rehash_password --
-- Of the same password with the parameters of today, unless it was changed meanwhile.
UPDATE passwords SET hash = %(hash)s WHERE user_id = %(user_id)s AND hash = %(old)s;

-- begin_attempt --
-- Counted before it is tried, so that many at once gain nothing. Nothing comes back where one has
-- to wait. A failure is forgotten after ten minutes; the wait doubles with each above the free
-- ones, up to the longest.
INSERT INTO attempts AS a (key, failures, last_at, open_at) VALUES (%(key)s, 1, now(), now())
ON CONFLICT (key) DO UPDATE SET (failures, last_at, open_at) = (
    SELECT n, now(), now() + make_interval(secs =>
        CASE WHEN n < %(free)s THEN 0 ELSE least(%(longest)s, 2 ^ least(n - %(free)s, 20)) END)
    FROM (SELECT 1 + greatest(
        0, a.failures - floor(extract(epoch FROM now() - a.last_at) / 600)::integer)) AS counted (n)
)
WHERE a.open_at <= now()
RETURNING key;

-- wait --
SELECT greatest(1, ceil(extract(epoch FROM open_at - now())))::integer AS seconds
FROM attempts WHERE key = %(key)s;

-- forget_attempts --
DELETE FROM attempts WHERE key = %(key)s;

-- forgive_attempt --
UPDATE attempts SET failures = greatest(0, failures - 1), open_at = now() WHERE key = %(key)s;

-- forget_old_attempts --
-- Those that another request counts at this moment stay: waiting for it could be a deadlock.
DELETE FROM attempts WHERE key IN (
    SELECT key FROM attempts WHERE last_at < now() - INTERVAL '1 day' FOR UPDATE SKIP LOCKED);

-- create_session --
INSERT INTO sessions (user_id, sha256, address, agent, expires_at)
VALUES (%(user_id)s, %(sha256)s, %(address)s, %(agent)s, now() + INTERVAL '7 days')
RETURNING id, address, agent, created_at, last_used_at, expires_at, true AS current;

-- sessions --
SELECT s.id, s.address, s.agent, s.created_at, s.last_used_at, s.expires_at,
       s.sha256 = %(sha256)s AS current
FROM sessions s JOIN valid_keys k ON k.session_id = s.id AND k.user_id = s.user_id
WHERE s.user_id = %(user_id)s AND (%(after)s::bigint IS NULL OR s.id > %(after)s)
ORDER BY s.id
LIMIT %(limit)s;

-- end_session --
DELETE FROM sessions WHERE user_id = %(user_id)s AND id = %(id)s RETURNING id;

-- end_sessions --
-- All of the user's; but for one, where its hash is given.
DELETE FROM sessions WHERE user_id = %(user_id)s AND sha256 IS DISTINCT FROM %(but)s;

-- delete_old_sessions --
-- Unused ones wait for their end: it is near, and has an index.
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE expires_at < now() FOR UPDATE SKIP LOCKED);
