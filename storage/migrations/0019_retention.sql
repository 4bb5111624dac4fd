-- Retention: how long data are kept, and what of it has gone. ADR 0022.

-- How many days data are kept: by the platform (no ids), of a model wherever it is used, of a tenant,
-- of a tenant's devices of a model, or of one device while the tenant holds it. The most specific
-- row counts. days NULL: for ever.
CREATE TABLE retentions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     slug REFERENCES tenants ON DELETE CASCADE,
    model_id      slug REFERENCES models ON DELETE CASCADE,
    device_id     device_name REFERENCES devices ON DELETE CASCADE,
    days          integer CHECK (days BETWEEN 1 AND 36500),
    -- The platform's alone: nothing is kept longer, whatever other rows say.
    longest_days  integer CHECK (longest_days BETWEEN 1 AND 36500),
    UNIQUE NULLS NOT DISTINCT (tenant_id, model_id, device_id),
    -- A device's row is one tenant's: its former owners keep what they have by their own rows.
    CHECK (device_id IS NULL OR (tenant_id IS NOT NULL AND model_id IS NULL)),
    CHECK (longest_days IS NULL OR num_nonnulls(tenant_id, model_id, device_id) = 0)
);
CREATE INDEX retentions_by_device ON retentions (device_id);
CREATE INDEX retentions_by_model ON retentions (model_id);
SELECT audited('retentions');

-- The times of every device with whose they are, how long their data are kept (NULL: for ever) and
-- by which row's level.
CREATE VIEW retention_parts AS
SELECT s.device_id, s.tenant_id, s.during,
       least(CASE WHEN own.id IS NOT NULL THEN own.days WHEN kind.id IS NOT NULL THEN kind.days
                  WHEN model.id IS NOT NULL THEN model.days WHEN tenant.id IS NOT NULL THEN tenant.days
                  ELSE platform.days END, platform.longest_days) AS days,
       CASE WHEN own.id IS NOT NULL THEN 'device' WHEN kind.id IS NOT NULL THEN 'model'
            WHEN model.id IS NOT NULL THEN 'model' WHEN tenant.id IS NOT NULL THEN 'tenant'
            WHEN platform.id IS NOT NULL THEN 'platform' END AS level
FROM shares s
JOIN devices d ON d.id = s.device_id
LEFT JOIN retentions own ON own.tenant_id = s.tenant_id AND own.device_id = s.device_id
LEFT JOIN retentions kind ON kind.tenant_id = s.tenant_id AND kind.model_id = d.model_id
LEFT JOIN retentions model ON model.tenant_id IS NULL AND model.model_id = d.model_id
LEFT JOIN retentions tenant ON tenant.tenant_id = s.tenant_id AND tenant.model_id IS NULL
    AND tenant.device_id IS NULL
LEFT JOIN retentions platform ON platform.tenant_id IS NULL AND platform.model_id IS NULL;

-- The times of each device whose data may go at this moment. No row: nothing of it.
CREATE VIEW retention_due AS
SELECT device_id,
       range_agg(during * tstzmultirange(tstzrange(NULL, now() - make_interval(days => days)))) AS due
FROM retention_parts
WHERE days IS NOT NULL
GROUP BY device_id;

-- From when on data are kept of whatever device and tenant: chunks that end before go whole.
-- NULL: of some, for ever. What devices sent that nobody registered goes by the platform's row.
CREATE FUNCTION retention_floor() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN bool_and(kept_from IS NOT NULL) THEN min(kept_from) END
    FROM (
        -- greatest passes over NULL: an open beginning, or a time whose data are kept for ever.
        SELECT greatest(lower(range_merge(during)), now() - make_interval(days => days)) AS kept_from
        FROM retention_parts
        WHERE NOT isempty(during)
        UNION ALL
        SELECT now() - make_interval(days => least(p.days, p.longest_days))
        FROM (VALUES (1)) AS one (row)
        LEFT JOIN retentions p ON num_nonnulls(p.tenant_id, p.model_id, p.device_id) = 0
    ) every
$$;

-- Which times of a device were emptied already, so that nobody looks there again.
CREATE TABLE retention_done (
    device_id   device_name PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    emptied     tstzmultirange NOT NULL,
    emptied_at  timestamptz NOT NULL
);

-- Ingest refuses what is older than it may be kept.
CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON retentions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_rules();
-- A slot changes whose a time is, and so how long it is kept.
CREATE FUNCTION notify_slot_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM send_word('rules', coalesce(NEW.device_id, OLD.device_id));
    RETURN NULL;
END $$;
CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE ON bookings
    FOR EACH ROW EXECUTE FUNCTION notify_slot_rules();
