-- What a device has sent. Whether the asker may see the device was decided before.

-- latest --
SELECT s.metric, l.ts, coalesce(to_jsonb(l.value), l.state) AS value, s.unit, s.kind, f.flag
FROM latest l
JOIN series s ON s.id = l.series_id
LEFT JOIN flags f ON f.series_id = l.series_id AND f.ts = l.ts
WHERE s.device_id = %(device_id)s AND (%(after)s::text IS NULL OR s.metric > %(after)s)
ORDER BY s.metric
LIMIT %(limit)s;

-- latest_of_many --
SELECT s.device_id, s.metric, l.ts, coalesce(to_jsonb(l.value), l.state) AS value, s.unit, s.kind,
       f.flag
FROM latest l
JOIN series s ON s.id = l.series_id
LEFT JOIN flags f ON f.series_id = l.series_id AND f.ts = l.ts
WHERE s.device_id = ANY(%(devices)s)
  AND (%(after_device)s::text IS NULL
       OR (s.device_id, s.metric) > (%(after_device)s, %(after_metric)s))
ORDER BY s.device_id, s.metric
LIMIT %(limit)s;

-- series --
SELECT id FROM series WHERE device_id = %(device_id)s AND metric = %(metric)s;

-- readings --
-- The series is a number here, so that every chunk is asked by its own index alone. Flags are few:
-- those between the first and the last reading of the page are one range of their index.
WITH page AS (
    SELECT ts, value FROM readings
    WHERE series_id = %(series)s AND ts > %(after)s AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts
    LIMIT %(limit)s
)
SELECT %(metric)s AS metric, page.ts, page.value, f.flag
FROM page
LEFT JOIN flags f ON f.series_id = %(series)s AND f.ts = page.ts
    AND f.ts BETWEEN (SELECT min(ts) FROM page) AND (SELECT max(ts) FROM page)
ORDER BY page.ts;

-- states --
SELECT %(metric)s AS metric, ts, value FROM states
WHERE series_id = %(series)s AND ts > %(after)s AND ts >= %(start)s AND ts < %(end)s
ORDER BY ts
LIMIT %(limit)s;
