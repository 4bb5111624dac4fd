-- Users as an OpenID provider knows them.

-- user_of --
SELECT user_id FROM provider_identities WHERE issuer = %(issuer)s AND subject = %(subject)s;

-- link --
INSERT INTO provider_identities (issuer, subject, user_id)
VALUES (%(issuer)s, %(subject)s, %(user_id)s)
ON CONFLICT DO NOTHING
RETURNING user_id;

-- forget_password --
DELETE FROM passwords WHERE user_id = %(user_id)s;

-- forget_authenticator --
DELETE FROM authenticators WHERE user_id = %(user_id)s;

-- forget_sessions --
DELETE FROM sessions WHERE user_id = %(user_id)s;

-- revoke_tokens --
UPDATE tokens SET revoked_at = now() WHERE user_id = %(user_id)s AND revoked_at IS NULL;
