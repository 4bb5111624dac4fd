-- Rules: what ingest checks before it stores a reading, and what it keeps of what it refuses.

-- What happens to a value outside minimum..maximum: stored and flagged, or rejected.
ALTER TABLE model_metrics ADD out_of_range text NOT NULL DEFAULT 'flag'
    CHECK (out_of_range IN ('flag', 'reject'));

-- Quotas, in values per second; NULL: none. NaN is greater than infinity, so this refuses both.
ALTER TABLE tenants ADD values_per_second double precision
    CHECK (values_per_second > 0 AND values_per_second < 'infinity');
ALTER TABLE devices ADD values_per_second double precision
    CHECK (values_per_second > 0 AND values_per_second < 'infinity');

-- Readings that were stored although they are outside the range of the device's model.
-- No foreign key, as for readings.
CREATE TABLE flags (
    series_id   integer NOT NULL,
    ts          timestamptz NOT NULL,
    flag        text NOT NULL CHECK (flag IN ('below-range', 'above-range'))
);
SELECT create_hypertable('flags', by_range('ts', INTERVAL '7 days'), create_default_indexes => false);
CREATE UNIQUE INDEX flags_key ON flags (series_id, ts);

-- The payload is kept whole, so that a rejection can be replayed. Of a longer one only the first
-- 1,024 bytes are kept, and size tells that it is not whole. ts is the arrival.
ALTER TABLE rejections DROP CONSTRAINT rejections_payload_check;
ALTER TABLE rejections ADD CONSTRAINT rejections_payload_check CHECK (length(payload) <= 65536);
-- What MQTT 5 said of the payload; NULL: nothing.
ALTER TABLE rejections ADD content_type text;
-- NULL: open. A message that was replayed and fails again is open again.
ALTER TABLE rejections ADD replayed_at timestamptz;

-- A message that is stored again after a crash gives no second rejection: arrivals never repeat.
DELETE FROM rejections newer USING rejections older
WHERE newer.id > older.id AND newer.ts = older.ts AND newer.device_id = older.device_id
  AND newer.topic = older.topic AND newer.reason = older.reason;
DROP INDEX rejections_by_device;
CREATE UNIQUE INDEX rejections_by_device ON rejections (device_id, ts DESC, topic, reason);

-- The arrival of the newest status message, so that an older one that is stored later changes
-- nothing.
ALTER TABLE device_activity ADD status_at timestamptz;
-- The arrival of each attribute, key to µs since 1970, for the same reason.
ALTER TABLE devices ADD attributes_at jsonb NOT NULL DEFAULT '{}';

-- Whoever caches rules listens to this channel. The payload is the device whose rules changed;
-- empty: those of many.
CREATE FUNCTION notify_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('rules', '');
    RETURN NULL;
END $$;
CREATE FUNCTION notify_device_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('rules', OLD.id);
    RETURN NULL;
END $$;
CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON model_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION notify_rules();
-- For each row, and only where something changed: an update names every column that it could
-- change, and forgetting every device for each of them would cost more than this.
CREATE TRIGGER rules_changed AFTER UPDATE OF values_per_second ON tenants
    FOR EACH ROW WHEN (OLD.values_per_second IS DISTINCT FROM NEW.values_per_second)
    EXECUTE FUNCTION notify_rules();
CREATE TRIGGER rules_changed AFTER UPDATE OF model_id, tenant_id, values_per_second ON devices
    FOR EACH ROW WHEN ((OLD.model_id, OLD.tenant_id, OLD.values_per_second)
                       IS DISTINCT FROM (NEW.model_id, NEW.tenant_id, NEW.values_per_second))
    EXECUTE FUNCTION notify_device_rules();
CREATE TRIGGER device_deleted AFTER DELETE ON devices
    FOR EACH ROW EXECUTE FUNCTION notify_device_rules();

CREATE VIEW flagged_telemetry AS
SELECT f.ts, p.tenant, p.park, p.lab, p.device, s.metric, s.unit, r.value, f.flag
FROM flags f
JOIN readings r ON r.series_id = f.series_id AND r.ts = f.ts
JOIN series s ON s.id = f.series_id
JOIN device_places p ON p.device = s.device_id;

CREATE OR REPLACE VIEW rejection_overview AS
SELECT r.ts, r.device_id AS device, p.tenant, p.lab, p.park, r.reason, r.detail, r.replayed_at
FROM rejections r
LEFT JOIN device_places p ON p.device = r.device_id;

GRANT SELECT ON flagged_telemetry TO technopark_grafana;
