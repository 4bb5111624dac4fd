-- Links that are good once: invitations, and links for another password.

-- create_invitation --
INSERT INTO invitations (sha256, email, role, park_id, tenant_id, until, language, invited_by,
                         expires_at)
VALUES (%(sha256)s, %(email)s, %(role)s, %(park_id)s, %(tenant_id)s, %(until)s, %(language)s,
        %(invited_by)s, now() + INTERVAL '7 days')
RETURNING *;

-- invited_lately --
SELECT count(*) AS invitations FROM invitations
WHERE invited_by = %(invited_by)s AND created_at > now() - INTERVAL '1 day';

-- invitations --
-- Those that wait: seen by administrators, owners of the tenant, and who invited.
SELECT * FROM invitations
WHERE accepted_at IS NULL AND expires_at > now()
  AND (%(everything)s OR invited_by = %(viewer)s OR tenant_id = ANY(%(owned)s))
  AND (%(after)s::bigint IS NULL OR id > %(after)s)
ORDER BY id
LIMIT %(limit)s;

-- withdraw_invitation --
DELETE FROM invitations
WHERE id = %(id)s AND accepted_at IS NULL
  AND (%(everything)s OR invited_by = %(viewer)s OR tenant_id = ANY(%(owned)s))
RETURNING id;

-- invitation --
SELECT * FROM invitations
WHERE sha256 = %(sha256)s AND accepted_at IS NULL AND expires_at > now();

-- accept_invitation --
-- A mail that still waits is of no use any more.
WITH accepted AS (
    UPDATE invitations SET accepted_at = now()
    WHERE sha256 = %(sha256)s AND accepted_at IS NULL AND expires_at > now()
    RETURNING *
), unsent AS (
    DELETE FROM mails WHERE invitation_id IN (SELECT id FROM accepted)
)
SELECT * FROM accepted;

-- accept_invitations --
-- All that wait for an address, whose owner a provider has told.
WITH accepted AS (
    UPDATE invitations SET accepted_at = now()
    WHERE lower(email) = lower(%(email)s) AND accepted_at IS NULL AND expires_at > now()
    RETURNING *
), unsent AS (
    DELETE FROM mails WHERE invitation_id IN (SELECT id FROM accepted)
)
SELECT * FROM accepted;

-- may_reset --
SELECT may_reset(%(maker)s, %(user_id)s) AS allowed;

-- create_reset --
INSERT INTO password_resets (user_id, sha256, made_by, expires_at)
VALUES (%(user_id)s, %(sha256)s, %(maker)s, now() + INTERVAL '1 day')
ON CONFLICT (user_id) DO UPDATE SET
    sha256 = excluded.sha256, made_by = excluded.made_by, expires_at = excluded.expires_at
RETURNING user_id, expires_at;

-- reset --
SELECT user_id FROM password_resets
WHERE sha256 = %(sha256)s AND expires_at > now() AND may_reset(made_by, user_id);

-- use_reset --
DELETE FROM password_resets
WHERE sha256 = %(sha256)s AND expires_at > now() AND may_reset(made_by, user_id)
RETURNING user_id;
