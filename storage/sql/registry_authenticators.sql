-- Authenticator apps and recovery codes.

-- enrol --
-- Nothing comes back where one was confirmed: it is removed first.
INSERT INTO authenticators AS a (user_id, secret) VALUES (%(user_id)s, %(secret)s)
ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0
WHERE a.confirmed_at IS NULL
RETURNING user_id;

-- authenticator --
SELECT a.secret, a.confirmed_at, count(c.sha256) AS recovery_codes
FROM authenticators a LEFT JOIN recovery_codes c USING (user_id)
WHERE a.user_id = %(user_id)s
GROUP BY a.user_id;

-- take_step --
-- No code is taken twice, nor an older one than the newest that was taken.
UPDATE authenticators SET last_step = %(step)s
WHERE user_id = %(user_id)s AND last_step < %(step)s
RETURNING user_id;

-- confirm --
UPDATE authenticators SET confirmed_at = now() WHERE user_id = %(user_id)s;

-- add_recovery_codes --
INSERT INTO recovery_codes (user_id, sha256) SELECT %(user_id)s, unnest(%(sha256)s::bytea[]);

-- take_recovery_code --
DELETE FROM recovery_codes WHERE user_id = %(user_id)s AND sha256 = %(sha256)s
RETURNING user_id;

-- remove --
DELETE FROM authenticators WHERE user_id = %(user_id)s RETURNING user_id;
