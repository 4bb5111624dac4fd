-- Devices. They are seen by their tenant's people, by those of the park in whose lab they stand or
-- which is their tenant's home, by administrators, by those who have booked them as long as the slot
-- runs, and by those whom an agreement lets read them:
-- `device_members` and `device_guests`, together `device_viewers`.

-- create_device --
-- No row: the id is taken. The error would end the transaction, and an id that was made from a
-- name can be made again.
INSERT INTO devices (id, tenant_id, model_id, lab_id, name, stage, tags, metadata,
                     values_per_second, latitude, longitude)
VALUES (%(id)s, %(tenant_id)s, %(model_id)s, %(lab_id)s, %(name)s, %(stage)s, %(tags)s,
        %(metadata)s, %(values_per_second)s, %(latitude)s, %(longitude)s)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- device --
SELECT d.*, a.last_seen, a.online,
       array_remove(ARRAY[d.lab_park_id, d.home_park_id], NULL) AS parks, how.*
FROM devices d
CROSS JOIN LATERAL shown_to(d, %(everything)s, %(tenants)s, %(parks)s) AS how
LEFT JOIN device_activity a ON a.device_id = d.id
WHERE d.id = %(id)s;

-- devices --
-- A page as one viewer sees it. Planned for the values that are given: of the view only the viewer's
-- own branches remain, each an index in the order of ids that ends at the limit. The guests are
-- worked out once. They are read from the table, as only branches of tables can be looked up for
-- each device that a search finds; else it would join them with all that the viewer sees.
WITH page AS (
    SELECT DISTINCT d.id
    FROM (SELECT kind, viewer, device_id FROM device_members
          UNION ALL
          SELECT %(kind)s, %(viewer)s, id FROM devices
          WHERE id = ANY((SELECT guests_of(%(kind)s, %(viewer)s))::text[])) v
    JOIN devices d ON d.id = v.device_id
    LEFT JOIN device_search s ON s.device_id = d.id
    WHERE v.kind = %(kind)s AND v.viewer = %(viewer)s
      AND (%(after)s::text IS NULL OR d.id > %(after)s)
      AND (%(ids)s::text[] IS NULL OR d.id = ANY(%(ids)s))
      AND (%(tenant_id)s::text IS NULL OR d.tenant_id = %(tenant_id)s)
      AND (%(park_id)s::text IS NULL OR coalesce(d.lab_park_id, d.home_park_id) = %(park_id)s)
      AND (%(lab_id)s::text IS NULL OR d.lab_id = %(lab_id)s)
      AND (%(model_id)s::text IS NULL OR d.model_id = %(model_id)s)
      AND (%(stage)s::text IS NULL OR d.stage = %(stage)s)
      AND (%(tag)s::text IS NULL OR d.tags @> ARRAY[%(tag)s])
      AND (%(longest)s::text IS NULL OR s.text LIKE %(longest)s)
      AND (%(short)s::text IS NULL OR s.words @@ search_starts(%(short)s))
      AND (%(long)s::text[] IS NULL OR s.text LIKE ALL(%(long)s))
    ORDER BY d.id
    LIMIT %(limit)s
)
SELECT d.*, a.last_seen, a.online,
       array_remove(ARRAY[d.lab_park_id, d.home_park_id], NULL) AS parks, how.*
FROM page
JOIN devices d ON d.id = page.id
CROSS JOIN LATERAL shown_to(d, %(everything)s, %(tenants)s, %(parks)s) AS how
LEFT JOIN device_activity a ON a.device_id = d.id
ORDER BY d.id;

-- device_ids --
-- As for `devices`, of which this is the page alone.
SELECT DISTINCT d.id::text AS id
FROM device_viewers v
JOIN devices d ON d.id = v.device_id
WHERE v.kind = %(kind)s AND v.viewer = %(viewer)s
  AND (%(ids)s::text[] IS NULL OR d.id = ANY(%(ids)s))
  AND (%(tenant_id)s::text IS NULL OR d.tenant_id = %(tenant_id)s)
  AND (%(park_id)s::text IS NULL OR coalesce(d.lab_park_id, d.home_park_id) = %(park_id)s)
  AND (%(lab_id)s::text IS NULL OR d.lab_id = %(lab_id)s)
  AND (%(model_id)s::text IS NULL OR d.model_id = %(model_id)s)
  AND (%(tag)s::text IS NULL OR d.tags @> ARRAY[%(tag)s])
ORDER BY id
LIMIT %(limit)s;

-- change_device --
UPDATE devices d
SET (name, model_id, lab_id, stage, tags, metadata, values_per_second, latitude, longitude,
     bookable, changed_at) = (
    SELECT n.name, n.model_id, n.lab_id, n.stage, n.tags, n.metadata, n.values_per_second,
           n.latitude, n.longitude, n.bookable, now()
    FROM jsonb_populate_record(d, %(changes)s) n
)
WHERE d.id = %(id)s;

-- retire_device --
UPDATE devices SET stage = 'retired', retired_at = now(), changed_at = now()
WHERE id = %(id)s AND retired_at IS NULL;

-- revoke_all_secrets --
UPDATE device_secrets SET revoked_at = now() WHERE device_id = %(id)s AND revoked_at IS NULL;
