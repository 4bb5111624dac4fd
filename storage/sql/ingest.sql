-- register_series --
-- Series of known devices that are not there yet, with the unit that the device's model gives,
-- else the one of the message.
INSERT INTO series (device_id, metric, kind, unit)
SELECT d.id, new.metric, new.kind, coalesce(m.unit, new.unit)
FROM unnest(%(devices)s::text[], %(metrics)s::text[], %(kinds)s::text[], %(units)s::text[])
     AS new (device, metric, kind, unit)
JOIN devices d ON d.id = new.device
LEFT JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = new.metric
ON CONFLICT DO NOTHING

-- find_series --
SELECT s.device_id, s.metric, s.id
FROM series s
JOIN unnest(%(devices)s::text[], %(metrics)s::text[]) AS wanted (device, metric)
  ON s.device_id = wanted.device AND s.metric = wanted.metric

-- store_states --
-- Of two states with one key the first counts; the newest of each series is noted beside it.
WITH given AS (
    SELECT series, to_timestamp(0) + ts * interval '1 microsecond' AS ts, value::jsonb AS value
    FROM unnest(%(series)s::int[], %(ts)s::bigint[], %(value)s::text[]) AS new (series, ts, value)
), stored AS (
    INSERT INTO states (series_id, ts, value)
    SELECT series, ts, value FROM given
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
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
SELECT to_timestamp(0) + ts * interval '1 microsecond', device, topic, reason, detail, payload, size
FROM unnest(%(ts)s::bigint[], %(device)s::text[], %(topic)s::text[], %(reason)s::text[],
            %(detail)s::text[], %(payload)s::bytea[], %(size)s::int[])
     AS new (ts, device, topic, reason, detail, payload, size)

-- merge_attributes --
UPDATE devices SET attributes = attributes || %(attributes)s::jsonb WHERE id = %(device)s

-- note_status --
INSERT INTO device_activity (device_id, last_seen, online, online_changed_at)
SELECT id, %(at)s, %(online)s, %(at)s FROM devices WHERE id = %(device)s
ON CONFLICT (device_id) DO UPDATE
SET online = excluded.online, last_seen = greatest(device_activity.last_seen, excluded.last_seen),
    online_changed_at = CASE WHEN device_activity.online IS DISTINCT FROM excluded.online
        THEN excluded.online_changed_at ELSE device_activity.online_changed_at END

-- note_activity --
INSERT INTO device_activity (device_id, last_seen)
SELECT d.id, to_timestamp(0) + heard.ts * interval '1 microsecond'
FROM unnest(%(devices)s::text[], %(ts)s::bigint[]) AS heard (device, ts)
JOIN devices d ON d.id = heard.device
ORDER BY d.id
ON CONFLICT (device_id) DO UPDATE
SET last_seen = greatest(device_activity.last_seen, excluded.last_seen)
