-- Retention: who set what, what it means for a device, and the steps in which data go. ADR 0022.

-- settings --
-- The platform's rows, and those of tenants of the scope.
SELECT r.id, r.tenant_id, r.model_id, r.device_id, r.days, r.longest_days
FROM retentions r
LEFT JOIN tenants t ON t.id = r.tenant_id
LEFT JOIN models m ON m.id = r.model_id
WHERE (%(everything)s OR r.tenant_id = ANY(%(tenants)s) OR coalesce(t.park_id = ANY(%(parks)s), false)
       OR (r.tenant_id IS NULL AND (r.model_id IS NULL OR m.tenant_id IS NULL)))
  AND (%(after)s::bigint IS NULL OR r.id > %(after)s)
ORDER BY r.id
LIMIT %(limit)s;

-- set --
INSERT INTO retentions (tenant_id, model_id, device_id, days, longest_days)
VALUES (%(tenant_id)s, %(model_id)s, %(device_id)s, %(days)s, %(longest_days)s)
ON CONFLICT (tenant_id, model_id, device_id) DO UPDATE
SET days = excluded.days, longest_days = excluded.longest_days
RETURNING *;

-- forget --
DELETE FROM retentions
WHERE (tenant_id, model_id, device_id)
      IS NOT DISTINCT FROM (%(tenant_id)s::text, %(model_id)s::text, %(device_id)s::text);

-- of_device --
-- For each tenant that holds a time of the device which the scope holds too: how long its data are
-- kept, and from when on there are any.
SELECT p.tenant_id, p.days, p.level, now() - make_interval(days => p.days) AS kept_from,
       (SELECT min(first.ts)
        FROM series s
        CROSS JOIN LATERAL unnest(p.during * mine.during) AS part (during)
        CROSS JOIN LATERAL (
            SELECT coalesce(lower(part.during), '-infinity') AS start,
                   coalesce(upper(part.during), 'infinity') AS "end"
        ) bounds
        CROSS JOIN LATERAL (
            (SELECT ts FROM readings
             WHERE series_id = s.id AND ts >= bounds.start AND ts < bounds."end"
             ORDER BY ts LIMIT 1)
            UNION ALL
            (SELECT ts FROM states
             WHERE series_id = s.id AND ts >= bounds.start AND ts < bounds."end"
             ORDER BY ts LIMIT 1)
        ) first
        WHERE s.device_id = %(device_id)s) AS data_from
FROM (
    SELECT tenant_id, days, level, range_agg(during) AS during
    FROM retention_parts
    WHERE device_id = %(device_id)s
    GROUP BY tenant_id, days, level
) p
CROSS JOIN LATERAL (
    SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) AS during
) mine
WHERE p.during && mine.during
ORDER BY p.tenant_id;

-- chunks --
-- Chunks of which everything may go, the oldest first.
SELECT c.hypertable_name::text AS "table", c.range_start AS start, c.range_end AS "end",
       format('%%I.%%I', c.chunk_schema, c.chunk_name) AS chunk
FROM timescaledb_information.chunks c
WHERE c.hypertable_schema = 'public'
  AND c.hypertable_name IN ('readings', 'states', 'flags', 'rejections')
  AND c.range_end <= retention_floor()
ORDER BY c.range_end, c.hypertable_name
LIMIT %(limit)s;

-- chunk_size --
SELECT coalesce(sum(total_bytes), 0)::bigint AS bytes,
       approximate_row_count(%(chunk)s::regclass) AS rows
FROM chunks_detailed_size(%(table)s::regclass)
WHERE format('%%I.%%I', chunk_schema, chunk_name) = %(chunk)s::text;

-- count_readings --
SELECT count(*) AS rows FROM readings WHERE ts >= %(start)s AND ts < %(end)s;

-- count_states --
SELECT count(*) AS rows FROM states WHERE ts >= %(start)s AND ts < %(end)s;

-- count_flags --
SELECT count(*) AS rows FROM flags WHERE ts >= %(start)s AND ts < %(end)s;

-- count_rejections --
SELECT count(*) AS rows FROM rejections WHERE ts >= %(start)s AND ts < %(end)s;

-- devices --
-- What may go of each device, by chunk or by row, and whose it is; counted up to a million of each
-- kind. Every part of a device's time and every series is a range of an index.
SELECT d.device_id, d.tenant_id, rows.readings, rows.states, rows.flags, rows.rejections
FROM (
    SELECT p.device_id, p.tenant_id,
           range_agg(p.during * tstzmultirange(tstzrange(
               NULL, now() - make_interval(days => p.days)))) AS due
    FROM retention_parts p
    JOIN devices v ON v.id = p.device_id
    WHERE p.days IS NOT NULL
      AND (%(tenant_id)s::text IS NULL OR p.tenant_id = %(tenant_id)s)
      AND (%(model_id)s::text IS NULL OR v.model_id = %(model_id)s)
      AND (%(device_id)s::text IS NULL OR p.device_id = %(device_id)s)
      AND (%(after_device)s::text IS NULL
           OR (p.device_id, p.tenant_id) > (%(after_device)s, %(after_tenant)s))
    GROUP BY p.device_id, p.tenant_id
    ORDER BY p.device_id, p.tenant_id
) d
CROSS JOIN LATERAL (
    SELECT sum(n.readings)::bigint AS readings, sum(n.states)::bigint AS states,
           sum(n.flags)::bigint AS flags, sum(n.rejections)::bigint AS rejections
    FROM unnest(d.due) AS part (during)
    CROSS JOIN LATERAL (
        SELECT coalesce(lower(part.during), '-infinity') AS start, upper(part.during) AS "end"
    ) t
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(k.readings), 0) AS readings, coalesce(sum(k.states), 0) AS states,
               coalesce(sum(k.flags), 0) AS flags,
               (SELECT count(*) FROM (
                    SELECT FROM rejections WHERE device_id = d.device_id AND ts >= t.start
                    AND ts < t."end" LIMIT 1000000) r) AS rejections
        FROM (
            SELECT (SELECT count(*) FROM (
                        SELECT FROM readings WHERE series_id = s.id AND ts >= t.start
                        AND ts < t."end" LIMIT 1000000) r) AS readings,
                   (SELECT count(*) FROM (
                        SELECT FROM states WHERE series_id = s.id AND ts >= t.start
                        AND ts < t."end" LIMIT 1000000) r) AS states,
                   (SELECT count(*) FROM (
                        SELECT FROM flags WHERE series_id = s.id AND ts >= t.start
                        AND ts < t."end" LIMIT 1000000) r) AS flags
            FROM series s WHERE s.device_id = d.device_id
        ) k
    ) n
) rows
WHERE rows.readings + rows.states + rows.flags + rows.rejections > 0
ORDER BY d.device_id, d.tenant_id
LIMIT %(limit)s;

-- sizes --
-- Bytes of a row of each hypertable, its indexes included, on average.
SELECT h.hypertable_name::text AS "table", greatest(60, hypertable_size(name.table)
       / nullif(approximate_row_count(name.table), 0)) AS bytes
FROM timescaledb_information.hypertables h
CROSS JOIN LATERAL (SELECT format('%%I.%%I', h.hypertable_schema, h.hypertable_name)::regclass
                    AS table) name
WHERE h.hypertable_schema = 'public';

-- lock --
SELECT pg_try_advisory_xact_lock(hashtext('technopark retention')) AS locked;

-- patience --
-- A chunk is dropped only if nobody reads it at the moment: whoever waits for it would hold up those
-- who come after.
SET LOCAL lock_timeout = '1s';

-- drop_chunk --
SELECT drop_chunks(%(table)s::regclass, older_than => %(end)s::timestamptz,
                   newer_than => %(start)s::timestamptz);

-- next_devices --
-- Devices of which rows have to go one by one, since somebody keeps what is beside them in the same
-- chunks: those that were not looked at for a day, or of which more than a day's data may go. The last
-- week of what was emptied is looked at again, for messages that waited long in ingest's journal.
SELECT d.device_id,
       (d.due - coalesce(x.emptied * tstzmultirange(tstzrange(
           NULL, upper(range_merge(x.emptied)) - INTERVAL '7 days')), '{}')) * above.floor AS during,
       d.due * above.floor AS due
FROM retention_due d
CROSS JOIN (SELECT tstzmultirange(tstzrange(retention_floor(), NULL)) AS floor) above
LEFT JOIN retention_done x ON x.device_id = d.device_id
CROSS JOIN LATERAL (SELECT d.due * above.floor - coalesce(x.emptied, '{}') AS fresh) todo
WHERE NOT isempty(todo.fresh)
  AND (x.device_id IS NULL OR x.emptied_at < now() - INTERVAL '1 day'
       OR EXISTS (SELECT FROM unnest(todo.fresh) AS part (t)
                  WHERE lower_inf(t) OR upper(t) - lower(t) >= INTERVAL '1 day'))
ORDER BY d.device_id
LIMIT %(limit)s;

-- note_emptied --
INSERT INTO retention_done (device_id, emptied, emptied_at)
VALUES (%(device_id)s, %(due)s, now())
ON CONFLICT (device_id) DO UPDATE
SET emptied = retention_done.emptied + excluded.emptied, emptied_at = excluded.emptied_at;

-- series_with_latest --
-- Series whose newest value is of a time that was emptied; of all devices, or of one.
SELECT l.series_id
FROM latest l
JOIN series s ON s.id = l.series_id
WHERE l.ts <@ %(during)s AND (%(device_id)s::text IS NULL OR s.device_id = %(device_id)s)
ORDER BY l.series_id;

-- renew_latest --
-- The newest value that is left takes the place of one that went.
UPDATE latest l
SET ts = newest.ts, value = newest.value, state = newest.state
FROM unnest(%(series)s::int[]) AS gone (id)
CROSS JOIN LATERAL (
    (SELECT ts, value, NULL::jsonb AS state FROM readings
     WHERE series_id = gone.id ORDER BY ts DESC LIMIT 1)
    UNION ALL
    (SELECT ts, NULL, value FROM states WHERE series_id = gone.id ORDER BY ts DESC LIMIT 1)
    ORDER BY ts DESC LIMIT 1
) newest
WHERE l.series_id = gone.id AND l.ts <@ %(during)s;

-- forget_latest --
-- Nothing is left of these: of a value that still is in the time that was emptied.
DELETE FROM latest l
WHERE l.series_id = ANY(%(series)s) AND l.ts <@ %(during)s
  AND NOT EXISTS (SELECT FROM readings r WHERE r.series_id = l.series_id AND r.ts = l.ts)
  AND NOT EXISTS (SELECT FROM states r WHERE r.series_id = l.series_id AND r.ts = l.ts);

-- forget_statuses --
-- But for the last of them, which tells how it was when the time began that is kept.
DELETE FROM device_statuses s
USING (
    SELECT old.device_id, old.ts
    FROM retention_due d
    JOIN device_statuses old ON old.device_id = d.device_id AND old.ts <@ d.due
    WHERE EXISTS (SELECT FROM device_statuses newer
                  WHERE newer.device_id = old.device_id AND newer.ts > old.ts AND newer.ts <@ d.due)
    LIMIT %(rows)s
) gone
WHERE s.device_id = gone.device_id AND s.ts = gone.ts;

-- forget_commands --
-- By when they were sent, as readings by their time.
DELETE FROM commands c
USING (
    SELECT old.id
    FROM retention_due d
    JOIN commands old ON old.device_id = d.device_id AND old.sent_at <@ d.due
    LIMIT %(rows)s
) gone
WHERE c.id = gone.id;

-- strangers --
-- Rejections of devices that the registry does not know go by the platform's own row.
SELECT DISTINCT r.device_id, p.during
FROM (
    SELECT tstzmultirange(tstzrange(
        NULL, now() - make_interval(days => least(days, longest_days)))) AS during
    FROM retentions WHERE num_nonnulls(tenant_id, model_id, device_id) = 0
) p
JOIN rejections r ON r.ts < upper(p.during)
WHERE NOT EXISTS (SELECT FROM devices d WHERE d.id = r.device_id)
LIMIT %(limit)s;
