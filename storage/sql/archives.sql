-- A tenant as a whole: what goes into its archive, and what an archive brings.

-- act --
-- Who acts on this connection, for the audit log.
SELECT set_config('technopark.actor', %(actor)s, false);

-- begin_archive --
INSERT INTO archives (tenant_id) VALUES (%(tenant_id)s) RETURNING id::text, made_at;

-- tenant --
SELECT t.id, t.name, t.kind,
       CASE WHEN p.id IS NOT NULL
            THEN jsonb_build_object('id', p.id, 'name', p.name, 'time_zone', p.time_zone) END AS park
FROM tenants t
LEFT JOIN parks p ON p.id = t.park_id
WHERE t.id = %(tenant_id)s;

-- models --
-- The tenant's own, and those of the platform that its devices have.
SELECT m.id, m.tenant_id IS NULL AS platform, m.name, m.description,
       coalesce((SELECT jsonb_agg(to_jsonb(k) - 'model_id' ORDER BY k.metric COLLATE "C")
                 FROM model_metrics k WHERE k.model_id = m.id), '[]') AS metrics
FROM models m
WHERE m.tenant_id = %(tenant_id)s
   OR (m.tenant_id IS NULL
       AND m.id IN (SELECT model_id FROM devices WHERE tenant_id = %(tenant_id)s))
ORDER BY m.id COLLATE "C";

-- devices --
-- Those of which a time is the tenant's. Of one that is another's now only this time is told.
SELECT d.id, d.tenant_id = %(tenant_id)s AS owned, h.held, own.device
FROM (
    SELECT device_id, jsonb_agg(jsonb_build_array(lower(during), upper(during))
                                ORDER BY lower(during) NULLS FIRST) AS held
    FROM holdings
    WHERE tenant_id = %(tenant_id)s AND device_id COLLATE "C" > %(after)s
    GROUP BY device_id
    ORDER BY device_id COLLATE "C"
    LIMIT %(limit)s
) h
JOIN devices d ON d.id = h.device_id
LEFT JOIN labs l ON l.id = d.lab_id
LEFT JOIN LATERAL (
    SELECT jsonb_build_object(
        'name', d.name, 'model', d.model_id, 'stage', d.stage, 'tags', d.tags,
        'lab', CASE WHEN l.id IS NOT NULL
                    THEN jsonb_build_object('id', l.id, 'name', l.name) END,
        'metadata', d.metadata, 'attributes', d.attributes, 'bookable', d.bookable,
        'values_per_second', d.values_per_second, 'latitude', d.latitude,
        'longitude', d.longitude, 'created_at', d.created_at, 'retired_at', d.retired_at) AS device
    WHERE d.tenant_id = %(tenant_id)s
) own ON true
ORDER BY d.id COLLATE "C";

-- series --
-- Those of a device that is another's now only where the tenant's time has something of them.
SELECT s.device_id, s.metric, s.kind, s.unit, s.first_seen, s.id AS key,
       coalesce(lower(h.during), %(start)s) AS start, coalesce(upper(h.during), %(end)s) AS "end"
FROM holdings h
JOIN devices d ON d.id = h.device_id
JOIN series s ON s.device_id = h.device_id
WHERE h.tenant_id = %(tenant_id)s
  AND (d.tenant_id = h.tenant_id
       OR EXISTS (SELECT FROM readings r WHERE r.series_id = s.id
                  AND r.ts >= coalesce(lower(h.during), '-infinity')
                  AND r.ts < coalesce(upper(h.during), 'infinity'))
       OR EXISTS (SELECT FROM states r WHERE r.series_id = s.id
                  AND r.ts >= coalesce(lower(h.during), '-infinity')
                  AND r.ts < coalesce(upper(h.during), 'infinity')))
ORDER BY s.device_id COLLATE "C", s.metric COLLATE "C", start;

-- times --
-- The tenant's times of devices, for what came while it held them.
SELECT h.device_id, h.device_id AS key,
       coalesce(lower(h.during), %(start)s) AS start, coalesce(upper(h.during), %(end)s) AS "end"
FROM holdings h
WHERE h.tenant_id = %(tenant_id)s
ORDER BY h.device_id COLLATE "C", start;

-- lock_import --
SELECT pg_try_advisory_lock(hashtextextended(%(source)s, 18)) AS free;

-- earlier_import --
SELECT id, prefix, done, finished_at FROM data_imports
WHERE tenant_id = %(tenant_id)s AND kind = %(kind)s AND source = %(source)s;

-- begin_import --
-- One that was interrupted goes on; one that was finished begins anew.
INSERT INTO data_imports (tenant_id, kind, source, prefix)
VALUES (%(tenant_id)s, %(kind)s, %(source)s, %(prefix)s)
ON CONFLICT (tenant_id, kind, source) DO UPDATE
SET done = CASE WHEN data_imports.finished_at IS NULL THEN data_imports.done ELSE 0 END,
    started_at = now(), finished_at = NULL
RETURNING id, done;

-- note_done --
UPDATE data_imports SET done = %(done)s WHERE id = %(id)s;

-- finish_import --
UPDATE data_imports SET finished_at = now() WHERE id = %(id)s;

-- devices_there --
SELECT id, tenant_id = %(tenant_id)s AS own FROM devices WHERE id = ANY(%(ids)s);

-- models_there --
SELECT m.id, m.tenant_id IS NOT DISTINCT FROM %(tenant_id)s AS own, m.tenant_id IS NULL AS platform,
       coalesce((SELECT jsonb_agg(to_jsonb(k) - 'model_id' ORDER BY k.metric COLLATE "C")
                 FROM model_metrics k WHERE k.model_id = m.id), '[]') AS metrics
FROM models m
WHERE m.id = ANY(%(ids)s);

-- add_model --
WITH added AS (
    INSERT INTO models (id, tenant_id, name, description)
    VALUES (%(id)s, %(tenant_id)s, %(name)s, %(description)s)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, maximum, out_of_range,
                           expected_interval_seconds)
SELECT added.id, m.metric, m.kind, m.unit, m.minimum, m.maximum, m.out_of_range,
       m.expected_interval_seconds
FROM added, jsonb_to_recordset(%(metrics)s)
    AS m (metric text, kind text, unit text, minimum float8, maximum float8, out_of_range text,
          expected_interval_seconds float8);

-- add_devices --
-- A lab is known again by its id and name.
INSERT INTO devices (id, tenant_id, name, model_id, lab_id, stage, tags, metadata, attributes,
                     bookable, values_per_second, latitude, longitude, created_at, retired_at)
SELECT n.id, %(tenant_id)s, n.name, n.model,
       (SELECT l.id FROM labs l WHERE l.id = n.lab ->> 'id' AND l.name = n.lab ->> 'name'),
       n.stage, n.tags, n.metadata, n.attributes, n.bookable, n.values_per_second,
       n.latitude, n.longitude, n.created_at, n.retired_at
FROM jsonb_to_recordset(%(devices)s) AS n (
    id text, name text, model text, lab jsonb, stage text, tags text[], metadata jsonb,
    attributes jsonb, bookable boolean, values_per_second float8, latitude float8,
    longitude float8, created_at timestamptz, retired_at timestamptz)
ORDER BY n.id
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- forget_periods --
DELETE FROM device_owners WHERE device_id = ANY(%(ids)s);

-- add_periods --
INSERT INTO device_owners (device_id, tenant_id, during)
SELECT n.id, %(tenant_id)s, tstzrange((part ->> 0)::timestamptz, (part ->> 1)::timestamptz)
FROM jsonb_to_recordset(%(devices)s) AS n (id text, held jsonb)
CROSS JOIN LATERAL jsonb_array_elements(n.held) AS part
WHERE n.id = ANY(%(ids)s);

-- add_series --
INSERT INTO series (device_id, metric, kind, unit, first_seen)
SELECT n.device, n.metric, n.kind, n.unit, n.first_seen
FROM unnest(%(devices)s::text[], %(metrics)s::text[], %(kinds)s::text[], %(units)s::text[],
            %(first_seen)s::timestamptz[]) AS n (device, metric, kind, unit, first_seen)
WHERE NOT EXISTS (SELECT FROM series s WHERE s.device_id = n.device AND s.metric = n.metric)
ORDER BY n.device COLLATE "C", n.metric COLLATE "C"
ON CONFLICT DO NOTHING;

-- add_rejections --
-- Those whose time has gone by the device's retention are counted, not stored.
WITH given AS (
    SELECT n.*, coalesce(n.ts <@ r.due, false) AS expired
    FROM unnest(
        %(ts)s::timestamptz[], %(device)s::text[], %(topic)s::text[], %(reason)s::text[],
        %(detail)s::text[], %(payload)s::bytea[], %(size)s::int[], %(content_type)s::text[],
        %(replayed_at)s::timestamptz[]
    ) AS n (ts, device, topic, reason, detail, payload, size, content_type, replayed_at)
    LEFT JOIN retention_due r ON r.device_id = n.device
), added AS (
    INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size, content_type,
                            replayed_at)
    SELECT ts, device, topic, reason, detail, payload, size, content_type, replayed_at
    FROM given WHERE NOT expired
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM added) AS stored,
       (SELECT count(*) FROM given WHERE expired) AS expired;
