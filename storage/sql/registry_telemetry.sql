-- What a device has sent, as far as the asker may see it: `sight` says which metrics, and when.

-- sees --
-- Whether there is anything of the device for the asker.
SELECT EXISTS (SELECT FROM sight(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s)) AS sees;

-- holds --
-- Whether any time of the device is the asker's own.
SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) IS NOT NULL AS holds;

-- latest --
-- Of some devices. The newest value is in `latest`; where the asker may see only older ones it is
-- looked up, one step into the index for each of his or her times.
WITH seen AS MATERIALIZED (
    SELECT asked.id AS device_id, seen.metrics, seen.during
    FROM unnest(%(devices)s::text[]) AS asked (id)
    CROSS JOIN LATERAL sight(asked.id, %(everything)s, %(tenants)s, %(parks)s) AS seen
)
SELECT s.device_id, s.metric, newest.ts, newest.value, s.unit, s.kind, f.flag
FROM series s
LEFT JOIN latest l ON l.series_id = s.id
CROSS JOIN LATERAL (
    SELECT range_agg(during) AS during FROM seen
    WHERE seen.device_id = s.device_id
      AND (seen.metrics IS NULL OR s.metric = ANY(seen.metrics))
) own
CROSS JOIN LATERAL (
    SELECT l.ts, coalesce(to_jsonb(l.value), l.state) AS value WHERE l.ts <@ own.during
    UNION ALL
    (SELECT old.ts, old.value
     FROM unnest(own.during) AS part (during)
     CROSS JOIN LATERAL (
         SELECT coalesce(lower(part.during), '-infinity') AS start,
                coalesce(upper(part.during), 'infinity') AS "end"
     ) bounds
     CROSS JOIN LATERAL (
         (SELECT ts, to_jsonb(value) AS value FROM readings
          WHERE series_id = s.id AND ts >= bounds.start AND ts < bounds."end"
          ORDER BY ts DESC LIMIT 1)
         UNION ALL
         (SELECT ts, value FROM states
          WHERE series_id = s.id AND ts >= bounds.start AND ts < bounds."end"
          ORDER BY ts DESC LIMIT 1)
     ) old
     WHERE (l.ts <@ own.during) IS NOT TRUE
     ORDER BY old.ts DESC LIMIT 1)
) newest
LEFT JOIN flags f ON f.series_id = s.id AND f.ts = newest.ts
WHERE s.device_id = ANY(%(devices)s)
  AND (%(after_device)s::text IS NULL
       OR (s.device_id, s.metric) > (%(after_device)s, %(after_metric)s))
ORDER BY s.device_id, s.metric
LIMIT %(limit)s;

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
