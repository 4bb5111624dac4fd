-- What a device has sent. Whether the asker may see the device was decided before.

-- latest --
SELECT s.metric, l.ts, coalesce(to_jsonb(l.value), l.state) AS value, s.unit, s.kind
FROM latest l
JOIN series s ON s.id = l.series_id
WHERE s.device_id = %(device_id)s AND (%(after)s::text IS NULL OR s.metric > %(after)s)
ORDER BY s.metric
LIMIT %(limit)s;

-- series --
SELECT id FROM series WHERE device_id = %(device_id)s AND metric = %(metric)s;

-- readings --
-- The series is a number here, so that every chunk is asked by its own index alone.
SELECT %(metric)s AS metric, ts, value FROM readings
WHERE series_id = %(series)s AND ts > %(after)s AND ts >= %(start)s AND ts < %(end)s
ORDER BY ts
LIMIT %(limit)s;

-- states --
SELECT %(metric)s AS metric, ts, value FROM states
WHERE series_id = %(series)s AND ts > %(after)s AND ts >= %(start)s AND ts < %(end)s
ORDER BY ts
LIMIT %(limit)s;

-- rejections --
SELECT id, ts, topic, reason, detail, payload, size FROM rejections
WHERE device_id = %(device_id)s
  AND (%(start)s::timestamptz IS NULL OR ts >= %(start)s)
  AND (%(after_ts)s::timestamptz IS NULL OR (ts, id) < (%(after_ts)s, %(after_id)s))
ORDER BY ts DESC, id DESC
LIMIT %(limit)s;
