-- Who and what: parks, labs, tenants, people, models, devices and their credentials.
-- Identifiers that people see are short names of their own choice, checked here once for all.

CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z0-9][a-z0-9-]{1,62}$');
-- The wire contract's device id: MQTT user name, client id and topic level.
CREATE DOMAIN device_name AS text CHECK (VALUE ~ '^[a-z0-9][a-z0-9-]{2,62}$');

CREATE TABLE parks (
    id          slug PRIMARY KEY,
    name        text NOT NULL,
    time_zone   text NOT NULL,
    latitude    double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude   double precision CHECK (longitude BETWEEN -180 AND 180),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE labs (
    id          slug PRIMARY KEY,
    park_id     slug NOT NULL REFERENCES parks,
    name        text NOT NULL,
    kind        text NOT NULL DEFAULT 'lab' CHECK (kind IN ('lab', 'testbed')),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX labs_by_park ON labs (park_id);

CREATE TABLE tenants (
    id          slug PRIMARY KEY,
    name        text NOT NULL,
    kind        text NOT NULL
                CHECK (kind IN ('startup', 'industry', 'university', 'community', 'government')),
    -- Without a home park the tenant is virtual: registered online, no desk anywhere.
    park_id     slug REFERENCES parks,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tenants_by_park ON tenants (park_id);

CREATE TABLE users (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email       text NOT NULL,
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_by_email ON users (lower(email));

CREATE TABLE memberships (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN
                ('platform-admin', 'park-manager', 'tenant-owner', 'tenant-member', 'mentor', 'viewer')),
    park_id     slug REFERENCES parks ON DELETE CASCADE,
    tenant_id   slug REFERENCES tenants ON DELETE CASCADE,
    -- The last day on which the role counts; NULL: until it is taken away.
    until       date,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (user_id, role, park_id, tenant_id),
    CHECK (CASE role
        WHEN 'platform-admin' THEN num_nonnulls(park_id, tenant_id) = 0
        WHEN 'park-manager' THEN park_id IS NOT NULL AND tenant_id IS NULL
        WHEN 'viewer' THEN num_nonnulls(park_id, tenant_id) = 1
        ELSE tenant_id IS NOT NULL AND park_id IS NULL
    END)
);
CREATE INDEX memberships_by_tenant ON memberships (tenant_id);
CREATE INDEX memberships_by_park ON memberships (park_id);

-- Bearer tokens of people and programs. 256 random bits need no salt and no slow hash.
CREATE TABLE tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    sha256       bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX tokens_by_user ON tokens (user_id);

CREATE TABLE models (
    id          slug PRIMARY KEY,
    -- NULL: offered by the platform to everybody.
    tenant_id   slug REFERENCES tenants ON DELETE CASCADE,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX models_by_tenant ON models (tenant_id);

CREATE TABLE model_metrics (
    model_id    slug NOT NULL REFERENCES models ON DELETE CASCADE,
    metric      text NOT NULL CHECK (metric ~ '^[A-Za-z_][A-Za-z0-9_.-]{0,63}$'),
    kind        text NOT NULL DEFAULT 'number' CHECK (kind IN ('number', 'boolean', 'text', 'object')),
    unit        text,
    minimum     double precision,
    maximum     double precision,
    PRIMARY KEY (model_id, metric),
    CHECK (minimum <= maximum)
);

CREATE TABLE devices (
    id          device_name PRIMARY KEY,
    tenant_id   slug NOT NULL REFERENCES tenants,
    model_id    slug REFERENCES models,
    lab_id      slug REFERENCES labs,
    name        text NOT NULL,
    stage       text NOT NULL DEFAULT 'prototype'
                CHECK (stage IN ('prototype', 'pilot', 'production', 'retired')),
    tags        text[] NOT NULL DEFAULT '{}',
    -- What people say of the device; what it says of itself is in attributes.
    metadata    jsonb NOT NULL DEFAULT '{}',
    attributes  jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz,
    CHECK ((stage = 'retired') = (retired_at IS NOT NULL))
);
CREATE INDEX devices_by_tenant ON devices (tenant_id, id);
CREATE INDEX devices_by_lab ON devices (lab_id, id);

-- A tenant's own model is for its own devices; to others it does not exist, not even in an error.
CREATE FUNCTION check_device_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.model_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM models m
        WHERE m.id = NEW.model_id AND (m.tenant_id IS NULL OR m.tenant_id = NEW.tenant_id)
    ) THEN
        RAISE foreign_key_violation USING
            MESSAGE = 'the model is not one for this tenant',
            TABLE = 'devices', CONSTRAINT = 'devices_model_id_fkey';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER model_is_usable BEFORE INSERT OR UPDATE OF model_id, tenant_id ON devices
    FOR EACH ROW EXECUTE FUNCTION check_device_model();

CREATE TABLE device_secrets (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id    device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    -- The broker's own format, so that one hash serves MQTT and HTTP.
    hash         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- Set by a rotation: the end of the overlap.
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- The broker knows one secret of a device at a time; this is when it was given this one.
    -- NULL: not yet. See ADR 0004.
    offered_at   timestamptz
);
CREATE INDEX device_secrets_by_device ON device_secrets (device_id);
-- Every change of who may connect sends word to whoever keeps the broker's files.
CREATE FUNCTION notify_credentials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('credentials', '');
    RETURN NULL;
END $$;
CREATE TRIGGER credentials_changed AFTER INSERT OR UPDATE OR DELETE ON device_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION notify_credentials();
CREATE TRIGGER credentials_changed AFTER UPDATE OF stage OR DELETE ON devices
    FOR EACH STATEMENT EXECUTE FUNCTION notify_credentials();
