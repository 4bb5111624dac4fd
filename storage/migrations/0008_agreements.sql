-- Agreements: a tenant lets another tenant, a park or a person read chosen devices, from a day
-- until a day. Nothing has to run for an agreement to begin or to end: every query looks at the
-- clock.

CREATE TABLE agreements (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Who lets read.
    tenant_id         slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- Who may read: one of the three. A person is named by e-mail, and known from the acceptance on.
    -- No reference to a tenant: an offer must not tell whether there is such a one.
    reader_tenant_id  slug,
    reader_park_id    slug REFERENCES parks ON DELETE CASCADE,
    reader_email      text,
    reader_user_id    bigint REFERENCES users ON DELETE CASCADE,
    -- Which devices: those named, those with one of the tags and those of one of the models. All
    -- three NULL: every device of the tenant.
    device_ids        text[],
    tags              text[],
    model_ids         text[],
    -- NULL: all.
    metrics           text[],
    include_metadata  boolean NOT NULL DEFAULT false,
    message           text NOT NULL DEFAULT '',
    -- Days of the tenant's home park. Readings are shown from history_from on.
    first_day         date NOT NULL,
    last_day          date NOT NULL,
    history_from      date NOT NULL,
    decision          text NOT NULL DEFAULT 'offered'
                      CHECK (decision IN ('offered', 'accepted', 'refused', 'withdrawn', 'revoked')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    decided_at        timestamptz,
    CHECK (num_nonnulls(reader_tenant_id, reader_park_id, reader_email) = 1),
    CHECK (reader_tenant_id <> tenant_id),
    CHECK (first_day <= last_day AND history_from <= last_day),
    CHECK (reader_user_id IS NULL OR reader_email IS NOT NULL),
    -- By which a scope knows the reader: a tenant, or a person (`user:42`, which no tenant is called).
    reader            text GENERATED ALWAYS AS
                      (coalesce(reader_tenant_id, 'user:' || reader_user_id)) STORED
);
CREATE INDEX agreements_by_tenant ON agreements (tenant_id, id);
CREATE INDEX agreements_by_reader ON agreements (reader, id);
CREATE INDEX agreements_by_park ON agreements (reader_park_id, id);
CREATE INDEX agreements_by_email ON agreements (lower(reader_email), id);

CREATE FUNCTION forget_reader() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM agreements WHERE reader_tenant_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER reader_deleted AFTER DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION forget_reader();

-- Each agreement with its moments: days begin and end at midnight in the tenant's home park.
CREATE VIEW agreement_terms AS
SELECT a.*, first_day::timestamp AT TIME ZONE z.zone AS starts_at,
       (last_day + 1)::timestamp AT TIME ZONE z.zone AS ends_at,
       history_from::timestamp AT TIME ZONE z.zone AS history_at,
       last_day - (now() AT TIME ZONE z.zone)::date AS days_left
FROM agreements a
JOIN tenants t ON t.id = a.tenant_id
LEFT JOIN parks p ON p.id = t.park_id
CROSS JOIN LATERAL (SELECT coalesce(p.time_zone, 'UTC') AS zone) z;

-- Each agreement with its state at this moment.
CREATE VIEW agreement_states AS
SELECT *, CASE
    WHEN decision IN ('refused', 'withdrawn', 'revoked') THEN decision
    WHEN now() >= ends_at THEN 'ended'
    WHEN decision = 'offered' THEN 'offered'
    WHEN now() < starts_at THEN 'accepted'
    WHEN days_left <= 30 THEN 'ending'
    ELSE 'running'
END AS state
FROM agreement_terms;

-- Who may read which devices by an agreement that is in force at this moment: the one place where
-- agreements are enforced, for the API and for SQL. A device that left the tenant is not in it.
CREATE VIEW agreement_devices AS
SELECT a.id AS agreement_id, a.tenant_id, a.reader, a.reader_park_id, d.id AS device_id,
       a.metrics, a.include_metadata, tstzrange(a.history_at, a.ends_at) AS during
FROM agreement_terms a
JOIN devices d ON d.tenant_id = a.tenant_id
WHERE a.decision = 'accepted' AND now() >= a.starts_at AND now() < a.ends_at
  AND (num_nonnulls(a.device_ids, a.tags, a.model_ids) = 0
       OR d.id = ANY(a.device_ids) OR d.tags && a.tags OR d.model_id = ANY(a.model_ids));

-- Which devices agreements show to a scope, and whether with all that is known of them.
CREATE FUNCTION shared_devices(tenants text[], parks text[])
RETURNS TABLE (device_id text, include_metadata boolean) LANGUAGE sql STABLE AS $$
    SELECT s.device_id, bool_or(s.include_metadata)
    FROM agreement_devices s
    WHERE s.reader = ANY(tenants) OR s.reader_park_id = ANY(parks)
    GROUP BY s.device_id
$$;

-- Of which models agreements show devices to a scope, and which of their metrics; NULL: all.
CREATE FUNCTION shared_models(tenants text[], parks text[])
RETURNS TABLE (model_id text, metrics text[]) LANGUAGE sql STABLE AS $$
    SELECT d.model_id, CASE WHEN NOT bool_or(s.metrics IS NULL) THEN array_agg(DISTINCT k.metric) END
    FROM agreement_devices s
    JOIN devices d ON d.id = s.device_id
    LEFT JOIN LATERAL unnest(s.metrics) AS k (metric) ON true
    WHERE d.model_id IS NOT NULL AND (s.reader = ANY(tenants) OR s.reader_park_id = ANY(parks))
    GROUP BY d.model_id
$$;

-- What agreements show to a scope of a device's readings: those that the tenant itself may read.
-- All metrics are named here, because NULL is for the device's own people, who see its rejections.
CREATE FUNCTION shared_sight(device_id text, tenants text[], parks text[])
RETURNS TABLE (metrics text[], during tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT coalesce(s.metrics, ARRAY(SELECT k.metric FROM series k
                                     WHERE k.device_id = shared_sight.device_id)),
           range_agg(s.during * h.during)
    FROM agreement_devices s
    JOIN holdings h ON h.tenant_id = s.tenant_id AND h.device_id = s.device_id
    WHERE s.device_id = shared_sight.device_id
      AND (s.reader = ANY(tenants) OR s.reader_park_id = ANY(parks))
    GROUP BY s.agreement_id, s.metrics
$$;

-- What a scope sees of a device's readings: its own, and by agreements.
ALTER FUNCTION sight(text, boolean, text[], text[]) RENAME TO own_sight;
CREATE FUNCTION sight(device_id text, everything boolean, tenants text[], parks text[])
RETURNS TABLE (metrics text[], during tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT * FROM own_sight(device_id, everything, tenants, parks)
    UNION ALL
    SELECT * FROM shared_sight(device_id, tenants, parks)
$$;

-- Both sides are warned so many days before an agreement ends. The key makes a warning that is
-- given twice the same one.
CREATE TABLE notices (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agreement_id  bigint NOT NULL REFERENCES agreements ON DELETE CASCADE,
    days          integer NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (agreement_id, days)
);
