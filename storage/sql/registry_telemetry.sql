-- What a device has sent, as far as the asker's sight reaches.

-- latest --
SELECT s.metric, l.ts, coalesce(to_jsonb(l.value), l.state) AS value, s.unit, s.kind, f.flag
FROM latest l
JOIN series s ON s.id = l.series_id
LEFT JOIN flags f ON f.series_id = l.series_id AND f.ts = l.ts
WHERE s.device_id = %(device_id)s AND (%(after)s::text IS NULL OR s.metric > %(after)s)
  AND EXISTS (
      SELECT FROM sight(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) v
      WHERE (v.metrics IS NULL OR s.metric = ANY(v.metrics)) AND l.ts <@ v.during)
ORDER BY s.metric
LIMIT %(limit)s;

-- series --
SELECT s.id, range_agg(v.during) AS during
FROM series s, sight(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) v
WHERE s.device_id = %(device_id)s AND s.metric = %(metric)s
  AND (v.metrics IS NULL OR s.metric = ANY(v.metrics))
GROUP BY s.id;

-- readings --
-- The series is a number here, so that every chunk is asked by its own index alone. Flags are few:
-- those between the first and the last reading of the page are one range of their index.
WITH page AS (
    SELECT ts, value FROM readings
    WHERE series_id = %(series)s AND ts > %(after)s AND ts >= %(start)s AND ts < %(end)s
    AND ts <@ %(during)s::tstzmultirange
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
  AND ts <@ %(during)s::tstzmultirange
ORDER BY ts
LIMIT %(limit)s;
