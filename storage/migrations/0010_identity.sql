-- Identity: passwords, sessions, scopes of tokens, links, second factors, sign-in by a provider.

-- Argon2id in the PHC string format, which names its own parameters.
CREATE TABLE passwords (
    user_id     bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hash        text NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- People at the console. As with tokens, 256 random bits need no salt and no slow hash.
CREATE TABLE sessions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    sha256       bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    address      text NOT NULL,
    agent        text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    -- The end, however much the session is used.
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- NULL: all that the user may do.
ALTER TABLE tokens ADD scopes text[] CHECK (cardinality(scopes) > 0);

-- What people and programs show to prove who they are, as far as it is valid now. A session ends
-- by itself after 12 hours without use.
CREATE VIEW valid_keys AS
SELECT sha256, id AS token_id, NULL::bigint AS session_id, user_id, scopes, last_used_at
FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
UNION ALL
SELECT sha256, NULL, id, user_id, NULL, last_used_at
FROM sessions WHERE expires_at > now() AND last_used_at > now() - INTERVAL '12 hours';

-- Attempts to sign in that failed or still run, by account and by address.
CREATE TABLE attempts (
    key       text PRIMARY KEY,
    failures  integer NOT NULL,
    last_at   timestamptz NOT NULL,
    -- No attempt is heard before.
    open_at   timestamptz NOT NULL
);
CREATE INDEX attempts_by_time ON attempts (last_at);

CREATE TABLE invitations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256      bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    email       text NOT NULL,
    -- A membership as it will be; its table checks that the role has its place.
    role        text NOT NULL,
    park_id     slug REFERENCES parks ON DELETE CASCADE,
    tenant_id   slug REFERENCES tenants ON DELETE CASCADE,
    until       date,
    invited_by  bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz
);
CREATE INDEX invitations_by_email ON invitations (lower(email));
CREATE INDEX invitations_by_tenant ON invitations (tenant_id);
CREATE INDEX invitations_by_park ON invitations (park_id);
CREATE INDEX invitations_by_inviter ON invitations (invited_by);

-- One link a user: a newer one replaces it.
CREATE TABLE password_resets (
    user_id     bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    sha256      bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    made_by     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX password_resets_by_maker ON password_resets (made_by);

-- Who makes a link for another's password can come as the other. So it is for administrators, and
-- for owners of every tenant that the other belongs to, who has no role elsewhere.
CREATE FUNCTION may_reset(maker bigint, other bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH held AS (
        SELECT role, tenant_id FROM memberships
        WHERE user_id = maker AND (until IS NULL OR until >= current_date)
    )
    SELECT EXISTS (SELECT FROM held WHERE role = 'platform-admin')
        OR EXISTS (SELECT FROM memberships WHERE user_id = other)
       AND NOT EXISTS (
           SELECT FROM memberships m
           WHERE m.user_id = other AND NOT EXISTS (
               SELECT FROM held WHERE held.role = 'tenant-owner' AND held.tenant_id = m.tenant_id))
$$;

-- Codes of an authenticator app (RFC 6238).
CREATE TABLE authenticators (
    user_id      bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- Encrypted by the registry, whose key is not in the database.
    secret       bytea NOT NULL,
    -- NULL: enrolled, and no code was seen yet; sign-in does not ask for one.
    confirmed_at timestamptz,
    -- The time step of the newest code that was taken: none is taken twice.
    last_step    bigint NOT NULL DEFAULT 0
);

-- For who has lost the authenticator. 80 random bits each; a used one is deleted.
CREATE TABLE recovery_codes (
    user_id     bigint NOT NULL REFERENCES authenticators ON DELETE CASCADE,
    sha256      bytea NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (user_id, sha256)
);

-- Who a user is at an OpenID provider.
CREATE TABLE provider_identities (
    issuer      text NOT NULL,
    subject     text NOT NULL,
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    -- An address that the provider gives to somebody else does not give the user away.
    UNIQUE (issuer, user_id)
);
CREATE INDEX provider_identities_by_user ON provider_identities (user_id);
