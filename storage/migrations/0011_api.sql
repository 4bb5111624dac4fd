-- What the API's lists look up, and the answers that it keeps for those who ask again.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The parks whose people see a device, beside it, so that a page of a park's devices is one range
-- of an index, however many tenants the park has. Kept by the triggers below.
ALTER TABLE devices ADD home_park_id slug, ADD lab_park_id slug;

CREATE FUNCTION place_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.home_park_id := (SELECT park_id FROM tenants WHERE id = NEW.tenant_id);
    NEW.lab_park_id := (SELECT park_id FROM labs WHERE id = NEW.lab_id);
    RETURN NEW;
END $$;
CREATE TRIGGER device_placed BEFORE INSERT OR UPDATE OF tenant_id, lab_id ON devices
    FOR EACH ROW EXECUTE FUNCTION place_device();

CREATE FUNCTION place_devices_of_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE devices SET home_park_id = NEW.park_id WHERE tenant_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER devices_placed AFTER UPDATE OF park_id ON tenants
    FOR EACH ROW WHEN (OLD.park_id IS DISTINCT FROM NEW.park_id)
    EXECUTE FUNCTION place_devices_of_tenant();

CREATE FUNCTION place_devices_of_lab() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE devices SET lab_park_id = NEW.park_id WHERE lab_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER devices_placed AFTER UPDATE OF park_id ON labs
    FOR EACH ROW WHEN (OLD.park_id IS DISTINCT FROM NEW.park_id)
    EXECUTE FUNCTION place_devices_of_lab();

UPDATE devices SET tenant_id = tenant_id;

CREATE INDEX devices_by_home_park ON devices (home_park_id, id);
CREATE INDEX devices_by_lab_park ON devices (lab_park_id, id);
CREATE INDEX devices_by_park ON devices (coalesce(lab_park_id, home_park_id), id);
CREATE INDEX devices_by_model ON devices (model_id, id);
CREATE INDEX devices_by_stage ON devices (stage, id);
CREATE INDEX devices_by_tag ON devices USING gin (tags);
DROP INDEX tenants_by_park;
CREATE INDEX tenants_by_park ON tenants (park_id, id);

-- Who sees what: a row for each way in which it is seen. A person looks with several (kind, viewer)
-- pairs, one for each role; storage.rows.Scope has them. Another way to see a device is another
-- branch here, and nothing else.
CREATE VIEW device_viewers AS
SELECT 'platform' AS kind, '' AS viewer, id AS device_id FROM devices
UNION ALL
SELECT 'tenant', tenant_id::text, id FROM devices
UNION ALL
SELECT 'park', home_park_id::text, id FROM devices
UNION ALL
SELECT 'park', lab_park_id::text, id FROM devices
UNION ALL
SELECT 'tenant', tenant_id::text, device_id FROM bookings WHERE during @> now()
UNION ALL
SELECT 'tenant', reader, device_id FROM agreement_devices
UNION ALL
SELECT 'park', reader_park_id::text, device_id FROM agreement_devices;

-- How a scope sees a device that it sees: whether only agreements show it, and whether they show
-- what is said of it too.
CREATE FUNCTION shown_by_agreement(device devices, everything boolean, tenants text[], parks text[],
                                   OUT shared boolean, OUT include_metadata boolean)
LANGUAGE sql STABLE AS $$
    SELECT NOT (everything OR device.tenant_id = ANY(tenants)
                OR coalesce(device.home_park_id = ANY(parks), false)
                OR coalesce(device.lab_park_id = ANY(parks), false)
                OR EXISTS (SELECT FROM bookings b
                           WHERE b.device_id = device.id AND b.tenant_id = ANY(tenants)
                             AND b.during @> now())),
           (SELECT bool_or(a.include_metadata) FROM agreement_devices a
            WHERE a.device_id = device.id
              AND (a.reader = ANY(tenants) OR a.reader_park_id = ANY(parks)))
$$;

CREATE VIEW tenant_viewers AS
SELECT 'platform' AS kind, '' AS viewer, id AS tenant_id FROM tenants
UNION ALL
SELECT 'tenant', id::text, id FROM tenants
UNION ALL
SELECT 'park', park_id::text, id FROM tenants;

-- Text as it is searched: small letters, each in its one composed form. storage/search.py does
-- the same with what is looked for.
CREATE FUNCTION searched(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(normalize($1, NFKC));

-- A word is a run of letters and digits, or one of signs, such as emoji. PostgreSQL's own parser
-- would drop the signs. No lexeme may have more than 2,046 bytes.
CREATE FUNCTION search_words(text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT array_to_tsvector(coalesce(array_agg(DISTINCT left(word[1], 100)), '{}'))
        FROM regexp_matches($1, '[[:alnum:]]+|[^[:alnum:][:space:]]+', 'g') AS word
    );

-- The same words, each as the beginning of one.
CREATE FUNCTION search_starts(text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT string_agg(
            '''' || replace(replace(word[1], '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
        FROM regexp_matches($1, '[[:alnum:]]+|[^[:alnum:][:space:]]+', 'g') AS word
    );

-- What devices are found by: id, name, tags, the model's name, and the values of the metadata.
-- A table of its own, so that a device's row, which ingest writes too, stays small.
CREATE TABLE device_search (
    device_id   device_name PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    text        text NOT NULL,
    words       tsvector NOT NULL GENERATED ALWAYS AS (search_words(text)) STORED
);

-- A model's name is at most 200 letters, tags 32 of 64; metadata is cut so that a page of text
-- does not become an index of its own.
CREATE FUNCTION device_text(device devices) RETURNS text LANGUAGE sql STABLE
    RETURN searched(concat_ws(' ',
        device.id, device.name, array_to_string(device.tags, ' '),
        (SELECT name FROM models WHERE id = device.model_id),
        left((SELECT string_agg(value #>> '{}', ' ')
              FROM jsonb_path_query(device.metadata, 'strict $.**') AS value
              WHERE jsonb_typeof(value) NOT IN ('object', 'array')), 4000)));

CREATE FUNCTION describe_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO device_search (device_id, text) VALUES (NEW.id, device_text(NEW))
    ON CONFLICT (device_id) DO UPDATE SET text = EXCLUDED.text
    WHERE device_search.text <> EXCLUDED.text;
    RETURN NULL;
END $$;
CREATE TRIGGER device_described AFTER INSERT OR UPDATE OF name, tags, model_id, metadata ON devices
    FOR EACH ROW EXECUTE FUNCTION describe_device();

CREATE FUNCTION describe_devices_of_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE device_search s SET text = device_text(d)
    FROM devices d WHERE d.model_id = NEW.id AND s.device_id = d.id;
    RETURN NULL;
END $$;
CREATE TRIGGER devices_described AFTER UPDATE OF name ON models
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION describe_devices_of_model();

INSERT INTO device_search (device_id, text) SELECT d.id, device_text(d) FROM devices d;

-- Any part of a word of three letters or more, and the beginnings of shorter ones.
CREATE INDEX device_search_text ON device_search USING gin (text gin_trgm_ops);
CREATE INDEX device_search_words ON device_search USING gin (words);
CREATE INDEX tenants_search ON tenants USING gin (searched(id || ' ' || name) gin_trgm_ops);
CREATE INDEX users_search ON users USING gin (searched(email || ' ' || name) gin_trgm_ops);
CREATE INDEX models_search ON models USING gin (searched(id || ' ' || name) gin_trgm_ops);

-- When the next secret ends, which the keeper of the broker's files asks at every change.
CREATE INDEX device_secrets_by_end ON device_secrets (expires_at)
    WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- The answers of requests that came with an Idempotency-Key, written in the request's own
-- transaction: kept if, and only if, what the request did is kept.
CREATE TABLE idempotency_keys (
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    key         text NOT NULL,
    -- SHA-256 of method, path and body.
    fingerprint bytea NOT NULL,
    status      smallint NOT NULL,
    -- Encrypted with the token that the request came with: it may hold a secret that is shown once.
    answer      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
