-- One vocabulary of views for all who look by Grafana: tenants, parks and operators have views of the
-- same names and columns, each in a schema of its own, so that one dashboard is for all of them. ADR
-- 0030. What is new here, tenants have in their SQL too.

-- Of each device, since when it is of which stage. The audit log knows it since the device is there.
CREATE VIEW device_stages AS
SELECT d.id::text AS device, a.at AS ts, a.before ->> 'stage' AS before, a.after ->> 'stage' AS stage
FROM devices d
CROSS JOIN LATERAL (
    SELECT at, before, after FROM audit_log
    WHERE split_part(subject, '/', 1) = d.id AND kind = 'device' AND operation <> 'deleted'
      AND after ? 'stage'
    OFFSET 0
) a;

-- What tenants get in addition.

CREATE VIEW tenant_sql.stages AS
SELECT o.tenant_id::text AS reader, c.ts, c.device, c.before, c.stage
FROM device_owners o
JOIN device_stages c ON c.device = o.device_id AND c.ts <@ o.during;

-- The owner's devices, and the tenant's own slots.
CREATE VIEW tenant_sql.bookings AS
SELECT v.reader, b.device_id AS device, b.tenant_id AS tenant, lower(b.during) AS starts_at,
       upper(b.during) AS ends_at
FROM (
    SELECT d.tenant_id::text, b.id FROM bookings b JOIN devices d ON d.id = b.device_id
    UNION
    SELECT tenant_id::text, id FROM bookings
) v (reader, id)
JOIN bookings b ON b.id = v.id;

-- When devices came and went.
CREATE VIEW tenant_sql.connections AS
SELECT w.reader, c.ts, c.device_id AS device, c.online
FROM (
    SELECT reader, device_id, range_agg(during) AS during FROM tenant_windows
    GROUP BY reader, device_id
) w
JOIN device_statuses c ON c.device_id = w.device_id AND c.ts <@ w.during;

CREATE OR REPLACE VIEW tenant_sql.metrics AS
SELECT t.id::text AS reader, m.id AS model, m.name, k.metric, k.kind, k.unit, k.minimum, k.maximum,
       k.expected_interval_seconds
FROM tenants t
JOIN models m ON m.tenant_id IS NULL OR m.tenant_id = t.id
JOIN model_metrics k ON k.model_id = m.id
UNION
SELECT a.reader, m.id, m.name, k.metric, k.kind, k.unit, k.minimum, k.maximum,
       k.expected_interval_seconds
FROM agreement_devices a
JOIN devices d ON d.id = a.device_id
JOIN models m ON m.id = d.model_id
JOIN model_metrics k ON k.model_id = m.id AND (a.metrics IS NULL OR k.metric = ANY(a.metrics))
WHERE a.reader IS NOT NULL;

-- Only numbers and booleans are readings: a text that should come regularly counted as missing.
CREATE OR REPLACE VIEW tenant_sql.completeness AS
SELECT s.reader, s.device, s.metric, e.expected, n.stored,
       least(100, 100 * n.stored / e.expected) AS percent
FROM tenant_series s
JOIN devices d ON d.id = s.device
JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = s.metric
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) AS ends_at) day
CROSS JOIN LATERAL (
    SELECT count(*) * 3600 / m.expected_interval_seconds AS expected
    FROM generate_series(day.ends_at - INTERVAL '24 hours', day.ends_at - INTERVAL '1 hour',
                         INTERVAL '1 hour') hour
    WHERE tstzrange(hour, hour + INTERVAL '1 hour') <@ s.during
) e
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.n), 0)::double precision AS stored
    FROM readings_1h r
    WHERE r.series_id = s.series_id
      AND tstzrange(r.bucket, r.bucket + INTERVAL '1 hour') <@ s.during
      AND r.bucket >= date_trunc('hour', now()) - INTERVAL '24 hours'
      AND r.bucket < date_trunc('hour', now())
) n
WHERE m.expected_interval_seconds IS NOT NULL AND m.kind IN ('number', 'boolean') AND e.expected > 0;

-- What parks and operators have: the same, without what is a tenant's alone (payloads, attributes).
-- Each is asked by a reader: the park, or 'operators'.
CREATE VIEW park_devices AS
SELECT v.reader, d.id AS device
FROM (
    SELECT home_park_id::text, id::text FROM devices WHERE home_park_id IS NOT NULL
    UNION
    SELECT lab_park_id::text, id::text FROM devices WHERE lab_park_id IS NOT NULL
) v (reader, device)
JOIN devices d ON d.id = v.device;

CREATE VIEW park_spans AS
SELECT reader, device_id AS device, range_agg(during) AS during
FROM park_windows
GROUP BY reader, device_id;

-- Operators see everything. Nothing is grouped here, so that PostgreSQL may join as it likes.
CREATE VIEW operator_devices AS SELECT 'operators'::text AS reader, id AS device FROM devices;
CREATE VIEW operator_spans AS
SELECT 'operators'::text AS reader, id::text AS device, '{(,)}'::tstzmultirange AS during FROM devices;
CREATE VIEW operator_series AS
SELECT 'operators'::text AS reader, id AS series_id, device_id::text AS device, metric, kind, unit,
       '{(,)}'::tstzmultirange AS during
FROM series;

DROP SCHEMA park_sql CASCADE;
CREATE SCHEMA park_sql;
CREATE SCHEMA operator_sql;

DO $$
DECLARE
    audience text;
    rollup record;
BEGIN
FOREACH audience IN ARRAY ARRAY['park', 'operator'] LOOP
    EXECUTE replace($sql$
CREATE VIEW AUDIENCE_sql.devices AS
SELECT v.reader, d.id AS device, d.tenant_id AS tenant, d.name, d.model_id AS model,
       d.lab_id AS lab, p.park, d.stage, d.tags, d.created_at, d.retired_at, a.last_seen, a.online
FROM AUDIENCE_devices v
JOIN devices d ON d.id = v.device
JOIN device_places p ON p.device = d.id
LEFT JOIN device_activity a ON a.device_id = d.id;

CREATE VIEW AUDIENCE_sql.telemetry AS
SELECT s.reader, r.ts, s.device, s.metric, s.unit, r.value
FROM AUDIENCE_series s
JOIN readings r ON r.series_id = s.series_id AND r.ts <@ s.during;

CREATE VIEW AUDIENCE_sql.states AS
SELECT s.reader, r.ts, s.device, s.metric, r.value
FROM AUDIENCE_series s
JOIN states r ON r.series_id = s.series_id AND r.ts <@ s.during;

CREATE VIEW AUDIENCE_sql.flags AS
SELECT s.reader, f.ts, s.device, s.metric, f.flag
FROM AUDIENCE_series s
JOIN flags f ON f.series_id = s.series_id AND f.ts <@ s.during;

CREATE VIEW AUDIENCE_sql.latest AS
SELECT s.reader, l.ts, s.device, s.metric, s.kind, s.unit, l.value, l.state
FROM AUDIENCE_series s
JOIN latest l ON l.series_id = s.series_id AND l.ts <@ s.during;

CREATE VIEW AUDIENCE_sql.completeness AS
SELECT s.reader, s.device, s.metric, 86400 / m.expected_interval_seconds AS expected,
       coalesce(n.stored, 0)::double precision AS stored,
       least(100, 100 * coalesce(n.stored, 0) * m.expected_interval_seconds / 86400) AS percent
FROM AUDIENCE_series s
JOIN devices d ON d.id = s.device
JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = s.metric
CROSS JOIN LATERAL (
    SELECT sum(r.n) AS stored FROM readings_1h r
    WHERE r.series_id = s.series_id
      AND r.bucket >= date_trunc('hour', now()) - INTERVAL '24 hours'
      AND r.bucket < date_trunc('hour', now())
      AND tstzrange(r.bucket, r.bucket + INTERVAL '1 hour') <@ s.during
) n
WHERE m.expected_interval_seconds IS NOT NULL AND m.kind IN ('number', 'boolean')
  AND tstzrange(date_trunc('hour', now()) - INTERVAL '24 hours', date_trunc('hour', now())) <@ s.during;

CREATE VIEW AUDIENCE_sql.stages AS
SELECT w.reader, c.ts, c.device, c.before, c.stage
FROM AUDIENCE_spans w
JOIN device_stages c ON c.device = w.device AND c.ts <@ w.during;

CREATE VIEW AUDIENCE_sql.bookings AS
SELECT v.reader, b.device_id AS device, b.tenant_id AS tenant, lower(b.during) AS starts_at,
       upper(b.during) AS ends_at
FROM AUDIENCE_devices v
JOIN bookings b ON b.device_id = v.device;

CREATE VIEW AUDIENCE_sql.connections AS
SELECT w.reader, c.ts, w.device, c.online
FROM AUDIENCE_spans w
JOIN device_statuses c ON c.device_id = w.device AND c.ts <@ w.during;

CREATE VIEW AUDIENCE_sql.tenants AS
SELECT DISTINCT v.reader, t.id AS tenant, t.name, t.kind
FROM AUDIENCE_sql.devices v
JOIN tenants t ON t.id = v.tenant;
$sql$, 'AUDIENCE', audience);
    FOR rollup IN
        SELECT * FROM (VALUES ('1m', '1 minute'), ('1h', '1 hour'), ('1d', '24 hours')) v (name, length)
    LOOP
        -- Of a park as of a tenant: a bucket is shown where the whole of it may be seen.
        EXECUTE format($sql$
CREATE VIEW %1$s_sql.telemetry_%2$s AS
SELECT s.reader, r.bucket, s.device, s.metric, s.unit, r.n, r.sum / r.n AS avg, r.sum, r.min, r.max,
       r.first, r.first_ts, r.last, r.last_ts
FROM %1$s_series s
CROSS JOIN LATERAL (
    SELECT DISTINCT bucket, n, sum, min, max, first, first_ts, last, last_ts
    FROM readings_%2$s WHERE series_id = s.series_id
) r
WHERE tstzrange(r.bucket, r.bucket + INTERVAL %3$L) <@ s.during
$sql$, audience, rollup.name, rollup.length);
    END LOOP;
END LOOP;
END $$;

-- How readings of a day came. Classes from 56 on are late, and those below 32 came before their time:
-- storage/arrivals.py, to which a test holds these numbers. The days are summed up for each series by
-- itself: PostgreSQL takes no condition of a join into a sum, and would sum up those of the platform.
DO $$
DECLARE
    audience text;
BEGIN
FOREACH audience IN ARRAY ARRAY['tenant', 'park', 'operator'] LOOP
    EXECUTE replace($sql$
CREATE VIEW AUDIENCE_sql.arrivals AS
SELECT s.reader, s.device, s.metric, a.day, a.readings, a.late, a.ahead, a.duplicates
FROM AUDIENCE_series s
JOIN device_zones z ON z.device_id = s.device
CROSS JOIN LATERAL (
    SELECT day,
           coalesce(sum(readings) FILTER (WHERE class >= 0), 0)::bigint AS readings,
           coalesce(sum(readings) FILTER (WHERE class >= 56), 0)::bigint AS late,
           coalesce(sum(readings) FILTER (WHERE class BETWEEN 0 AND 31), 0)::bigint AS ahead,
           coalesce(sum(readings) FILTER (WHERE class = -1), 0)::bigint AS duplicates
    FROM arrivals
    WHERE series_id = s.series_id
    GROUP BY day
) a
-- A day counts for those who may see the whole of it.
WHERE tstzrange(a.day::timestamp AT TIME ZONE z.zone, (a.day + 1)::timestamp AT TIME ZONE z.zone)
      <@ s.during
$sql$, 'AUDIENCE', audience);
END LOOP;
END $$;

-- Messages of devices that nobody knows are the operators' to see.
CREATE VIEW park_sql.rejections AS
SELECT w.reader, r.ts, w.device, r.topic, r.reason, r.detail, r.size, r.replayed_at
FROM park_spans w
JOIN rejections r ON r.device_id = w.device AND r.ts <@ w.during;
CREATE VIEW operator_sql.rejections AS
SELECT 'operators'::text AS reader, r.ts, r.device_id AS device, r.topic, r.reason, r.detail, r.size,
       r.replayed_at
FROM rejections r;

-- Labs are no secret, but each park has its own on the wall.
CREATE VIEW park_sql.labs AS
SELECT p.id::text AS reader, l.id AS lab, l.name, l.kind, p.id AS park, p.name AS park_name,
       p.time_zone
FROM labs l
JOIN parks p ON p.id = l.park_id;
CREATE VIEW operator_sql.labs AS
SELECT 'operators'::text AS reader, l.id AS lab, l.name, l.kind, p.id AS park, p.name AS park_name,
       p.time_zone
FROM labs l
JOIN parks p ON p.id = l.park_id;

CREATE VIEW park_sql.parks AS
SELECT id::text AS reader, id AS park, name, time_zone, latitude, longitude FROM parks;
CREATE VIEW operator_sql.parks AS
SELECT 'operators'::text AS reader, id AS park, name, time_zone, latitude, longitude FROM parks;

CREATE VIEW park_sql.metrics AS
SELECT DISTINCT v.reader, m.id AS model, m.name, k.metric, k.kind, k.unit, k.minimum, k.maximum,
       k.expected_interval_seconds
FROM park_devices v
JOIN devices d ON d.id = v.device
JOIN models m ON m.id = d.model_id
JOIN model_metrics k ON k.model_id = m.id;
CREATE VIEW operator_sql.metrics AS
SELECT 'operators'::text AS reader, m.id AS model, m.name, k.metric, k.kind, k.unit, k.minimum,
       k.maximum, k.expected_interval_seconds
FROM models m
JOIN model_metrics k ON k.model_id = m.id;

-- Operators read these themselves; parks, as before, by views of their own.
GRANT USAGE ON SCHEMA operator_sql TO technopark_grafana;
GRANT SELECT ON ALL TABLES IN SCHEMA operator_sql TO technopark_grafana;
ALTER ROLE technopark_grafana SET search_path = operator_sql, public;
ALTER ROLE technopark_operators SET search_path = operator_sql, public;
SELECT make_park_role(park_id) FROM park_access;
