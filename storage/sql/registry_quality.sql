-- What the figures of data quality are made of; ADR 0023. What somebody may not see is not counted:
-- `sight` says which times of which series.

-- device --
-- Who holds a time of the past is not told what the device is now, and whose.
SELECT d.id, shown.name, shown.tenant_id, t.name AS tenant, shown.model_id, m.name AS model,
       shown.lab_id, l.name AS lab, p.name AS park, z.zone, d.retired_at,
       held(d.id, %(everything)s, %(tenants)s, %(parks)s) AS held
FROM devices d
JOIN device_zones z ON z.device_id = d.id
LEFT JOIN LATERAL (
    SELECT d.name, d.tenant_id, d.model_id, d.lab_id, d.lab_park_id, d.home_park_id
    FROM shown_to(d, %(everything)s, %(tenants)s, %(parks)s)
) shown ON true
LEFT JOIN tenants t ON t.id = shown.tenant_id
LEFT JOIN models m ON m.id = shown.model_id
LEFT JOIN labs l ON l.id = shown.lab_id
LEFT JOIN parks p ON p.id = coalesce(shown.lab_park_id, shown.home_park_id)
WHERE d.id = %(device_id)s;

-- series --
-- The series of numbers that the asker may see, when, and when of it is asked for and still kept.
SELECT s.id, s.metric, s.unit, m.expected_interval_seconds AS interval, s.first_seen, own.seen,
       own.seen * tstzmultirange(tstzrange(%(start)s, %(end)s))
       - coalesce((SELECT due FROM retention_due WHERE device_id = %(device_id)s), '{}') AS during
FROM series s
JOIN devices d ON d.id = s.device_id
LEFT JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = s.metric
CROSS JOIN LATERAL (
    SELECT range_agg(seen.during) AS seen
    FROM sight(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) AS seen
    WHERE seen.metrics IS NULL OR s.metric = ANY(seen.metrics)
) own
WHERE s.device_id = %(device_id)s AND s.kind IN ('number', 'boolean') AND own.seen IS NOT NULL
  AND (%(metrics)s::text[] IS NULL OR s.metric = ANY(%(metrics)s))
ORDER BY s.metric;

-- first --
SELECT min(ts) AS ts FROM readings WHERE series_id = %(series)s AND ts < %(end)s;

-- counts --
-- How many readings there are in each of some times: each is a range of the index.
SELECT n.n AS readings, n.first, n.last
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS t (start, "end", i)
CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(r.ts) AS first, max(r.ts) AS last FROM readings r
    WHERE r.series_id = %(series)s AND r.ts >= t.start AND r.ts < t."end"
) n
ORDER BY t.i;

-- gaps --
-- Pauses that are longer than a time, the longest first.
SELECT before AS start, ts AS "end"
FROM (
    SELECT ts, lag(ts) OVER (ORDER BY ts) AS before
    FROM readings
    WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s
) neighbours
WHERE ts - before > %(longer)s
ORDER BY ts - before DESC
LIMIT %(limit)s;

-- flags --
SELECT count(*) AS readings FROM flags
WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s;

-- arrivals --
-- By class, of the days that are asked for, of which something is kept, and that the asker sees whole.
SELECT a.day, a.class, a.readings
FROM arrivals a
CROSS JOIN LATERAL (
    SELECT b.start, greatest(b.start, least(b."end", now())) AS "end"
    FROM (SELECT a.day::timestamp AT TIME ZONE %(zone)s AS start,
                 (a.day + 1)::timestamp AT TIME ZONE %(zone)s AS "end") b
) d
WHERE a.series_id = %(series)s AND a.day BETWEEN %(first_day)s AND %(last_day)s
  AND %(during)s::tstzmultirange && tstzrange(d.start, d."end")
  AND %(seen)s::tstzmultirange @> tstzrange(d.start, d."end");

-- statuses --
-- The changes within a time, and the last before.
(SELECT ts, online FROM device_statuses
 WHERE device_id = %(device_id)s AND ts < %(start)s ORDER BY ts DESC LIMIT 1)
UNION ALL
(SELECT ts, online FROM device_statuses
 WHERE device_id = %(device_id)s AND ts >= %(start)s AND ts < %(end)s)
ORDER BY ts;

-- rejections --
SELECT r.reason, count(*) AS count
FROM unnest(%(held)s::tstzmultirange * tstzmultirange(tstzrange(%(start)s, %(end)s))) AS part (t)
JOIN rejections r ON r.device_id = %(device_id)s AND r.ts >= lower(part.t) AND r.ts < upper(part.t)
GROUP BY r.reason
ORDER BY count(*) DESC, r.reason;

-- report --
-- Devices that a viewer sees, as for their list; planned for the values that are given.
SELECT DISTINCT d.id
FROM device_viewers v
JOIN devices d ON d.id = v.device_id
WHERE v.kind = %(kind)s AND v.viewer = %(viewer)s AND d.retired_at IS NULL
  AND (%(tenant_id)s::text IS NULL OR d.tenant_id = %(tenant_id)s)
  AND (%(park_id)s::text IS NULL OR coalesce(d.lab_park_id, d.home_park_id) = %(park_id)s)
  AND (%(lab_id)s::text IS NULL OR d.lab_id = %(lab_id)s)
  AND (%(model_id)s::text IS NULL OR d.model_id = %(model_id)s)
ORDER BY d.id
LIMIT %(limit)s;

-- report_figures --
-- Of each device the sums over what the asker sees of its series. What is expected counts from the
-- first day of a series on, of what is still kept, and only where the model says how often it comes.
WITH seen AS MATERIALIZED (
    SELECT * FROM sights(%(devices)s, %(everything)s, %(tenants)s, %(parks)s)
), gone AS MATERIALIZED (
    SELECT device_id, due FROM retention_due WHERE device_id = ANY(%(devices)s)
), own AS MATERIALIZED (
    SELECT k.id, k.device_id, m.expected_interval_seconds AS interval,
           range_agg(seen.during) AS seen, z.zone,
           range_agg(seen.during) * tstzmultirange(tstzrange(
               greatest(%(start)s, least(k.first_seen, %(end)s, born.ts)), %(end)s))
           - coalesce(gone.due, '{}') AS during
    FROM series k
    JOIN devices d ON d.id = k.device_id
    JOIN device_zones z ON z.device_id = k.device_id
    JOIN seen ON seen.device_id = k.device_id
         AND (seen.metrics IS NULL OR k.metric = ANY(seen.metrics))
    LEFT JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = k.metric
    LEFT JOIN gone ON gone.device_id = k.device_id
    CROSS JOIN LATERAL (
        SELECT min(ts) AS ts FROM readings WHERE series_id = k.id AND ts < %(end)s
    ) born
    WHERE k.device_id = ANY(%(devices)s) AND k.kind IN ('number', 'boolean')
    GROUP BY k.id, k.device_id, m.expected_interval_seconds, z.zone, born.ts, gone.due
), figures AS (
    SELECT own.device_id, own.interval, n.received, f.flagged,
           (SELECT sum(extract(epoch FROM upper(t) - lower(t)))
            FROM unnest(own.during) AS part (t)) / own.interval AS expected,
           a.timed, a.late, a.duplicates
    FROM own
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(h.n), 0)::bigint AS received
        FROM unnest(own.during) AS part (t)
        JOIN readings_1h h ON h.series_id = own.id
             AND h.bucket >= date_trunc('hour', lower(part.t)) AND h.bucket < upper(part.t)
    ) n
    CROSS JOIN LATERAL (
        SELECT count(*) AS flagged
        FROM unnest(own.during) AS part (t)
        JOIN flags x ON x.series_id = own.id AND x.ts >= lower(part.t) AND x.ts < upper(part.t)
    ) f
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.readings) FILTER (WHERE x.class >= 0), 0)::bigint AS timed,
               coalesce(sum(x.readings) FILTER (WHERE x.class >= %(first_late)s), 0)::bigint AS late,
               coalesce(sum(x.readings) FILTER (WHERE x.class = -1), 0)::bigint AS duplicates
        FROM arrivals x
        WHERE x.series_id = own.id AND x.day BETWEEN %(first_day)s AND %(last_day)s
          AND own.seen @> tstzrange(
              x.day::timestamp AT TIME ZONE own.zone,
              greatest(x.day::timestamp AT TIME ZONE own.zone,
                       least((x.day + 1)::timestamp AT TIME ZONE own.zone, now())))
    ) a
)
SELECT d.id AS device_id, d.name, d.tenant_id, d.model_id, d.lab_id, y.last_seen, y.online,
       coalesce(sum(f.received), 0)::bigint AS received,
       round(sum(f.expected))::bigint AS expected,
       sum(f.received) FILTER (WHERE f.interval IS NOT NULL)::bigint AS received_of_expected,
       coalesce(sum(f.timed), 0)::bigint AS timed, coalesce(sum(f.late), 0)::bigint AS late,
       coalesce(sum(f.duplicates), 0)::bigint AS duplicates,
       coalesce(sum(f.flagged), 0)::bigint AS out_of_range,
       (SELECT count(*)
        FROM unnest(held(d.id, %(everything)s, %(tenants)s, %(parks)s)
                    * tstzmultirange(tstzrange(%(start)s, %(end)s))) AS part (t)
        JOIN rejections r ON r.device_id = d.id AND r.ts >= lower(part.t) AND r.ts < upper(part.t)
       ) AS rejected
FROM devices d
LEFT JOIN figures f ON f.device_id = d.id
LEFT JOIN device_activity y ON y.device_id = d.id
WHERE d.id = ANY(%(devices)s)
GROUP BY d.id, y.last_seen, y.online
ORDER BY d.id;

-- packed --
-- The readings of a time, 16 bytes each: PostgreSQL's own time, and the value.
SELECT string_agg(timestamptz_send(ts) || float8send(value), '' ORDER BY ts) AS readings
FROM readings
WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s;
