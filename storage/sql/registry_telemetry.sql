-- What a device has sent, as far as the asker may see it: `sight` says which metrics, and when.

-- sees --
-- Whether there is anything of the device for the asker.
SELECT EXISTS (SELECT FROM sight(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s)) AS sees;

-- holds --
-- Whether any time of the device is the asker's own.
SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) IS NOT NULL AS holds;

-- latest --
-- Of some devices, as far as it is in `latest`. Without a time: the asker may see only older ones.
WITH own AS (
    SELECT s.id, range_agg(seen.during) AS during
    FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s) AS seen
    JOIN series s ON s.device_id = seen.device_id
        AND (seen.metrics IS NULL OR s.metric = ANY(seen.metrics))
    WHERE (%(metrics)s::text[] IS NULL OR s.metric = ANY(%(metrics)s))
      AND (%(after_device)s::text IS NULL
           OR (s.device_id, s.metric) > (%(after_device)s, %(after_metric)s))
    GROUP BY s.id
)
SELECT s.id, s.device_id::text, s.metric, l.ts, coalesce(to_jsonb(l.value), l.state) AS value,
       s.unit, s.kind, f.flag, CASE WHEN l.ts IS NULL THEN own.during END AS during
FROM own
JOIN series s ON s.id = own.id
LEFT JOIN latest l ON l.series_id = s.id AND l.ts <@ own.during
LEFT JOIN flags f ON f.series_id = s.id AND f.ts = l.ts
ORDER BY s.device_id, s.metric
LIMIT %(limit)s;

-- latest_before --
-- The newest of a series in some times, one step into the index for each of them.
SELECT old.ts, old.value, f.flag
FROM unnest(%(during)s::tstzmultirange) AS part (during)
CROSS JOIN LATERAL (
    SELECT coalesce(lower(part.during), '-infinity') AS start,
           coalesce(upper(part.during), 'infinity') AS "end"
) bounds
CROSS JOIN LATERAL (
    (SELECT ts, to_jsonb(value) AS value FROM readings
     WHERE series_id = %(series)s AND ts >= bounds.start AND ts < bounds."end"
     ORDER BY ts DESC LIMIT 1)
    UNION ALL
    (SELECT ts, value FROM states
     WHERE series_id = %(series)s AND ts >= bounds.start AND ts < bounds."end"
     ORDER BY ts DESC LIMIT 1)
) old
LEFT JOIN flags f ON f.series_id = %(series)s AND f.ts = old.ts
ORDER BY old.ts DESC
LIMIT 1;

-- visible_parts --
-- The unbroken times in which the asker may see the series, within start and end.
SELECT s.id AS series, lower(part.during) AS start, upper(part.during) AS "end"
FROM series s
CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(%(start)s, %(end)s)) * (
    SELECT range_agg(seen.during)
    FROM sight(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) AS seen
    WHERE seen.metrics IS NULL OR s.metric = ANY(seen.metrics)
)) AS part (during)
WHERE s.device_id = %(device_id)s AND s.metric = %(metric)s
ORDER BY start;

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
