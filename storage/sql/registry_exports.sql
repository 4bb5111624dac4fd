-- Which series leave, and which times of them. Names are sorted by their bytes, so that two
-- installations write the same file.

-- visible_series --
-- The unbroken times of some devices' series that the asker may see: `sights` says which.
WITH seen AS MATERIALIZED (
    SELECT device_id, metrics, during
    FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s)
)
SELECT s.device_id, s.metric, s.unit, s.id AS key, lower(part.during) AS start,
       upper(part.during) AS "end"
FROM series s
CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(%(start)s, %(end)s)) * (
    SELECT range_agg(seen.during) FROM seen
    WHERE seen.device_id = s.device_id
      AND (seen.metrics IS NULL OR s.metric = ANY(seen.metrics))
)) AS part (during)
WHERE s.device_id = ANY(%(devices)s)
  AND (%(metrics)s::text[] IS NULL OR s.metric = ANY(%(metrics)s))
ORDER BY s.device_id COLLATE "C", s.metric COLLATE "C", start;

-- visible_devices --
-- Those of some devices of which there is a time for the asker.
SELECT DISTINCT device_id AS id
FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s);

-- days --
-- The days, in UTC, of which a table may have rows.
SELECT DISTINCT day::date AS day
FROM timescaledb_information.chunks c
CROSS JOIN LATERAL generate_series(
    date_trunc('day', greatest(c.range_start, %(start)s), 'UTC'),
    least(c.range_end, %(end)s) - INTERVAL '1 microsecond', INTERVAL '1 day') AS day
WHERE c.hypertable_schema = current_schema AND c.hypertable_name = %(table)s
  AND c.range_end > %(start)s AND c.range_start < %(end)s
ORDER BY day;
