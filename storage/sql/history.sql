-- The past of many series at once. Answers are columns: one row of arrays, without NULLs in them.

-- series --
-- The series of some devices that the asker sees at any time, and the unbroken times of each within
-- start and end.
WITH seen AS MATERIALIZED (
    SELECT * FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s)
), own AS (
    SELECT s.id, range_agg(seen.during) * tstzmultirange(tstzrange(%(start)s, %(end)s)) AS during
    FROM seen
    JOIN series s ON s.device_id = seen.device_id
        AND (seen.metrics IS NULL OR s.metric = ANY(seen.metrics))
    WHERE s.metric = ANY(%(metrics)s)
    GROUP BY s.id
)
SELECT s.id, s.device_id::text, s.metric, s.unit, s.kind, z.zone,
       ARRAY(SELECT lower(part) FROM unnest(own.during) AS part) AS starts,
       ARRAY(SELECT upper(part) FROM unnest(own.during) AS part) AS ends
FROM own
JOIN series s ON s.id = own.id
JOIN device_zones z ON z.device_id = s.device_id
ORDER BY s.device_id, s.metric
LIMIT %(limit)s;

-- metrics --
-- What some devices have sent, as far as the asker may see it; a device that is not for the asker
-- has no row.
SELECT seen.device_id,
       array_remove(array_agg(DISTINCT s.metric ORDER BY s.metric), NULL) AS metrics
FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s) AS seen
LEFT JOIN series s ON s.device_id = seen.device_id AND s.kind IN ('number', 'boolean')
    AND (seen.metrics IS NULL OR s.metric = ANY(seen.metrics))
GROUP BY seen.device_id;

-- sums --
-- Buckets of some series over a time that is the same for all of them. The source is a rollup, or
-- the readings in the shape of one; series and times are constants, so that chunks are left out
-- when it is planned.
SELECT array_agg(series_id), array_agg(place), {arrays}
FROM (
    SELECT series_id, width_bucket(bucket, %(edges)s) AS place, {columns}
    FROM {source}
    WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s
    GROUP BY series_id, place
) AS buckets;

-- readings --
SELECT array_agg(ts), array_agg(value)
FROM (
    SELECT ts, value FROM readings
    WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts
    LIMIT %(limit)s
) AS found;
