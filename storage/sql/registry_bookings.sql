-- Slots on the devices of testbeds.

-- bookable_devices --
-- Everybody who is signed in may see these: whose owner lets them be booked.
SELECT d.id, d.name, m.name AS model, l.id AS lab_id, l.park_id
FROM labs l
JOIN devices d ON d.lab_id = l.id
LEFT JOIN models m ON m.id = d.model_id
WHERE l.kind = 'testbed' AND d.bookable AND d.stage <> 'retired'
  AND (%(lab_id)s::text IS NULL OR l.id = %(lab_id)s)
  AND (%(id)s::text IS NULL OR d.id = %(id)s)
  AND (%(after)s::text IS NULL OR d.id > %(after)s)
ORDER BY d.id
LIMIT %(limit)s;

-- book --
INSERT INTO bookings (device_id, tenant_id, during)
VALUES (%(device_id)s, %(tenant_id)s, tstzrange(%(start)s, %(end)s))
RETURNING id;

-- bookings --
-- Everybody sees when a device that can be booked is taken. By whom is for those to know who see
-- the slot's tenant or the device.
SELECT b.id, b.device_id, CASE WHEN asker.knows THEN b.tenant_id END AS tenant_id,
       lower(b.during) AS start, upper(b.during) AS "end", b.created_at, l.park_id
FROM bookings b
JOIN tenants t ON t.id = b.tenant_id
JOIN devices d ON d.id = b.device_id
LEFT JOIN labs l ON l.id = d.lab_id
CROSS JOIN LATERAL (
    SELECT coalesce(%(everything)s OR b.tenant_id = ANY(%(tenants)s) OR d.tenant_id = ANY(%(tenants)s)
                    OR l.park_id = ANY(%(parks)s) OR t.park_id = ANY(%(parks)s), false) AS knows
) asker
WHERE (asker.knows OR (d.bookable AND l.kind = 'testbed'))
  AND b.during && tstzrange(%(start)s, %(end)s)
  AND (%(id)s::bigint IS NULL OR b.id = %(id)s)
  AND (%(lab_id)s::text IS NULL OR d.lab_id = %(lab_id)s)
  AND (%(device_id)s::text IS NULL OR b.device_id = %(device_id)s)
  AND (%(tenant_id)s::text IS NULL OR (asker.knows AND b.tenant_id = %(tenant_id)s))
  AND (%(after_ts)s::timestamptz IS NULL
       OR (lower(b.during), b.id) > (%(after_ts)s, %(after_id)s))
ORDER BY lower(b.during), b.id
LIMIT %(limit)s;

-- end_running_slots --
-- Of one slot, or of all of the devices.
UPDATE bookings SET during = tstzrange(lower(during), now())
WHERE device_id = ANY(%(devices)s) AND (%(id)s::bigint IS NULL OR id = %(id)s)
  AND lower(during) < now() AND upper(during) > now();

-- forget_coming_slots --
DELETE FROM bookings
WHERE device_id = ANY(%(devices)s) AND (%(id)s::bigint IS NULL OR id = %(id)s)
  AND lower(during) >= now();
