-- How devices get in beside one by one: claim codes, and keys by which devices make themselves.

-- A code that is printed on a device, by which another tenant takes the device over. A new one
-- takes the place of the one before, and a used one is gone: there is nothing to replay.
CREATE TABLE claim_codes (
    device_id   device_name PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    -- Who gives the device away: when it has another owner, the code is worth nothing any more.
    tenant_id   slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- 80 random bits need no salt and no slow hash.
    sha256      bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX claim_codes_by_tenant ON claim_codes (tenant_id);

-- A key that is built into many devices; each makes its own entry with it, once.
CREATE TABLE provisioning_keys (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name        text NOT NULL,
    sha256      bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    -- What the ids of its devices begin with, and what else its devices get.
    id_prefix   slug NOT NULL,
    model_id    slug REFERENCES models ON DELETE SET NULL,
    lab_id      slug REFERENCES labs ON DELETE SET NULL,
    tags        text[] NOT NULL DEFAULT '{}',
    max_devices integer NOT NULL CHECK (max_devices > 0),
    -- Counted up for good: a device that is deleted does not make room for another.
    made        integer NOT NULL DEFAULT 0 CHECK (made <= max_devices),
    created_by  bigint REFERENCES users ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE INDEX provisioning_keys_by_tenant ON provisioning_keys (tenant_id, id);
CREATE TRIGGER model_is_usable BEFORE INSERT ON provisioning_keys
    FOR EACH ROW EXECUTE FUNCTION check_device_model();

-- Which device a key made for which serial number: a device that asks again is known again.
CREATE TABLE provisioned_devices (
    key_id      bigint NOT NULL REFERENCES provisioning_keys ON DELETE CASCADE,
    serial      text NOT NULL,
    device_id   device_name NOT NULL UNIQUE REFERENCES devices ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key_id, serial)
);
