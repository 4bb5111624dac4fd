-- What devices send now, for those who watch.

-- heads --
-- The series of some devices that the asker sees now or later, each with its newest time. A device
-- without a series has a row too; where there is no row, there is nothing to see any more.
WITH own AS (
    SELECT seen.device_id, s.id, range_agg(seen.during) AS during
    FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s) AS seen
    LEFT JOIN series s ON s.device_id = seen.device_id
        AND (seen.metrics IS NULL OR s.metric = ANY(seen.metrics))
        AND (%(metrics)s::text[] IS NULL OR s.metric = ANY(%(metrics)s))
    GROUP BY seen.device_id, s.id
)
SELECT own.id, own.device_id, s.metric, s.unit, own.during, l.ts
FROM own
LEFT JOIN series s ON s.id = own.id
LEFT JOIN latest l ON l.series_id = own.id
WHERE upper_inf(own.during) OR upper(own.during) > now()
ORDER BY own.device_id, s.metric
LIMIT %(limit)s;

-- news --
-- Readings and states of some series, each after a time of its own, in the order of time. The bounds
-- of all are constants, so that only the newest chunks are looked at.
WITH watched AS (
    SELECT * FROM unnest(%(series)s::integer[], %(after)s::timestamptz[],
                         %(during)s::tstzmultirange[]) AS w (series, after, during)
)
SELECT found.series, found.ts, found.value, f.flag
FROM (
    (SELECT w.series, r.ts, to_jsonb(r.value) AS value
     FROM watched w JOIN readings r ON r.series_id = w.series
     WHERE r.series_id = ANY(%(series)s) AND r.ts > %(first)s AND r.ts <= %(last)s
       AND r.ts > w.after AND r.ts <@ w.during
     ORDER BY r.ts LIMIT %(limit)s)
    UNION ALL
    (SELECT w.series, s.ts, s.value
     FROM watched w JOIN states s ON s.series_id = w.series
     WHERE s.series_id = ANY(%(series)s) AND s.ts > %(first)s AND s.ts <= %(last)s
       AND s.ts > w.after AND s.ts <@ w.during
     ORDER BY s.ts LIMIT %(limit)s)
) AS found
LEFT JOIN flags f ON f.series_id = found.series AND f.ts = found.ts
ORDER BY found.ts, found.series
LIMIT %(limit)s;
