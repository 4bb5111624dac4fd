-- register_series --
-- Series of known devices that are not there yet, with the kind and unit that the device's model
-- gives, else those of the message. Only what is missing is inserted: a row that meets a conflict
-- costs a number all the same, and the numbers are not endless.
INSERT INTO series (device_id, metric, kind, unit)
SELECT d.id, new.metric, coalesce(m.kind, new.kind), coalesce(m.unit, new.unit)
FROM unnest(%(devices)s::text[], %(metrics)s::text[], %(kinds)s::text[], %(units)s::text[])
     AS new (device, metric, kind, unit)
JOIN devices d ON d.id = new.device
LEFT JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = new.metric
WHERE NOT EXISTS (SELECT FROM series s WHERE s.device_id = d.id AND s.metric = new.metric)
ORDER BY d.id, new.metric
ON CONFLICT DO NOTHING

-- find_series --
SELECT s.device_id, s.metric, s.id, m.model_id AS model, m.kind, m.unit, m.minimum, m.maximum,
       m.out_of_range, d.values_per_second AS device_rate, d.tenant_id,
       t.values_per_second AS tenant_rate, keep.kept
FROM series s
JOIN unnest(%(devices)s::text[], %(metrics)s::text[]) AS wanted (device, metric)
  ON s.device_id = wanted.device AND s.metric = wanted.metric
JOIN devices d ON d.id = s.device_id
JOIN tenants t ON t.id = d.tenant_id
LEFT JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = s.metric
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array((extract(epoch FROM lower(part.t)) * 1000000)::bigint,
                                       (extract(epoch FROM upper(part.t)) * 1000000)::bigint,
                                       p.days)) AS kept
    FROM retention_parts p CROSS JOIN unnest(p.during) AS part (t)
    WHERE p.device_id = d.id AND p.days IS NOT NULL AND EXISTS (SELECT FROM retentions)
) keep ON true

-- store_states --
-- Of two states with one key the first counts; the newest of each series is noted beside it.
WITH given AS (
    SELECT series, to_timestamp(0) + ts * interval '1 microsecond' AS ts, value::jsonb AS value
    FROM unnest(%(series)s::int[], %(ts)s::bigint[], %(value)s::text[]) AS new (series, ts, value)
), stored AS (
    INSERT INTO states (series_id, ts, value)
    SELECT series, ts, value FROM given ORDER BY series, ts
    ON CONFLICT DO NOTHING
    RETURNING series_id, ts, value
), noted AS (
    INSERT INTO latest (series_id, ts, state)
    SELECT DISTINCT ON (series_id) series_id, ts, value FROM stored ORDER BY series_id, ts DESC
    ON CONFLICT (series_id) DO UPDATE
    SET ts = excluded.ts, value = NULL, state = excluded.state
    WHERE latest.ts < excluded.ts
)
SELECT count(*) FROM stored

-- store_rejections --
-- A message that is stored again after a crash gives the same row. One that was replayed and
-- fails again is open again.
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size, content_type)
SELECT DISTINCT ON (device, at, topic, reason)
       at, device, topic, reason, detail, payload, size, content_type
FROM unnest(%(ts)s::bigint[], %(device)s::text[], %(topic)s::text[], %(reason)s::text[],
            %(detail)s::text[], %(payload)b::bytea[], %(size)s::int[], %(content_type)s::text[])
     AS new (ts, device, topic, reason, detail, payload, size, content_type),
     LATERAL (SELECT to_timestamp(0) + ts * interval '1 microsecond' AS at) arrival
ORDER BY device, at, topic, reason
ON CONFLICT (device_id, ts, topic, reason) DO UPDATE
SET replayed_at = NULL, detail = excluded.detail, refusals = rejections.refusals + 1

-- known_devices --
SELECT id FROM devices WHERE id = ANY(%(devices)s)

-- lock_devices --
SELECT FROM devices WHERE id = ANY(%(devices)s) ORDER BY id FOR NO KEY UPDATE

-- merge_attributes --
-- Each attribute has the arrival of its message beside it: only what is newer, or the same again,
-- goes in. The rows are locked by the statement before, so this one sees what other writers wrote.
UPDATE devices d
SET attributes = d.attributes || newer.attributes,
    attributes_at = d.attributes_at || newer.arrivals
FROM (
    SELECT given.device, jsonb_object_agg(key, given.attributes -> key) AS attributes,
           jsonb_object_agg(key, arrival) AS arrivals
    FROM unnest(%(devices)s::text[], %(attributes)s::jsonb[], %(arrivals)s::jsonb[])
         AS given (device, attributes, arrivals)
    JOIN devices had ON had.id = given.device
    CROSS JOIN jsonb_each(given.arrivals) AS new (key, arrival)
    WHERE coalesce((had.attributes_at -> key)::bigint <= arrival::bigint, true)
    GROUP BY given.device
) newer
WHERE d.id = newer.device

-- note_statuses --
-- An older message that is stored later changes nothing.
INSERT INTO device_activity (device_id, last_seen, online, online_changed_at, status_at)
SELECT device, at, online, at, at
FROM unnest(%(devices)s::text[], %(ts)s::bigint[], %(online)s::bool[]) AS new (device, ts, online),
     LATERAL (SELECT to_timestamp(0) + ts * interval '1 microsecond' AS at) arrival
ORDER BY device
ON CONFLICT (device_id) DO UPDATE
SET online = excluded.online, status_at = excluded.status_at,
    last_seen = greatest(device_activity.last_seen, excluded.last_seen),
    online_changed_at = CASE WHEN device_activity.online IS DISTINCT FROM excluded.online
        THEN excluded.online_changed_at ELSE device_activity.online_changed_at END
WHERE device_activity.status_at IS NULL OR device_activity.status_at < excluded.status_at

-- note_status_changes --
-- A status that says what the one before said changes nothing: the broker repeats the last ones
-- whenever ingest comes back.
INSERT INTO device_statuses (device_id, ts, online)
SELECT device, at, online
FROM unnest(%(devices)s::text[], %(ts)s::bigint[], %(online)s::bool[]) AS new (device, ts, online),
     LATERAL (SELECT to_timestamp(0) + ts * interval '1 microsecond' AS at) arrival
WHERE online IS DISTINCT FROM (
    SELECT s.online FROM device_statuses s
    WHERE s.device_id = device AND s.ts <= at
    ORDER BY s.ts DESC LIMIT 1)
ORDER BY device
ON CONFLICT DO NOTHING

-- note_activity --
INSERT INTO device_activity (device_id, last_seen)
SELECT d.id, to_timestamp(0) + heard.ts * interval '1 microsecond'
FROM unnest(%(devices)s::text[], %(ts)s::bigint[]) AS heard (device, ts)
JOIN devices d ON d.id = heard.device
ORDER BY d.id
ON CONFLICT (device_id) DO UPDATE
SET last_seen = greatest(device_activity.last_seen, excluded.last_seen)
