-- What tenants show of their devices to everybody.

-- end_of_device --
-- What was shown of the device so far; its link goes on with the same tenant's next showcase.
UPDATE showcases SET ended_at = now() WHERE device_id = %(device_id)s AND ended_at IS NULL
RETURNING tenant_id, access_token;

-- create --
-- Without a day from which on readings are shown it is today, by the clock of the tenant's home park.
-- No row: the last day is before today.
INSERT INTO showcases (device_id, tenant_id, metrics, history_from, last_day, delay, decimals,
                       access_token)
SELECT d.id, d.tenant_id, %(metrics)s, coalesce(%(history_from)s::date, c.today), %(last_day)s,
       make_interval(secs => %(delay_seconds)s), %(decimals)s,
       coalesce(%(access_token)s, replace(gen_random_uuid()::text, '-', ''))
FROM devices d
JOIN tenants t ON t.id = d.tenant_id
LEFT JOIN parks p ON p.id = t.park_id
CROSS JOIN LATERAL (
    SELECT (now() AT TIME ZONE coalesce(p.time_zone, 'UTC'))::date AS today
) c
WHERE d.id = %(device_id)s AND d.stage <> 'retired' AND %(last_day)s >= c.today
RETURNING id;

-- showcases --
-- Seen by the people of the tenant, of its home park, and by administrators; the newest first.
SELECT s.*, extract(epoch FROM s.delay)::bigint AS delay_seconds
FROM showcase_states s
JOIN tenants t ON t.id = s.tenant_id
WHERE (%(everything)s OR s.tenant_id = ANY(%(tenants)s) OR t.park_id = ANY(%(parks)s))
  AND (%(id)s::bigint IS NULL OR s.id = %(id)s)
  AND (%(after)s::bigint IS NULL OR s.id < %(after)s)
  AND (%(tenant_id)s::text IS NULL OR s.tenant_id = %(tenant_id)s)
  AND (%(device_id)s::text IS NULL OR s.device_id = %(device_id)s)
  AND (%(state)s::text IS NULL OR s.state = %(state)s)
ORDER BY s.id DESC
LIMIT %(limit)s;

-- end --
UPDATE showcases SET ended_at = now() WHERE id = %(id)s AND ended_at IS NULL RETURNING id;
