-- Devices. They are seen by their tenant's people, by those of the park in whose lab they stand or
-- which is their tenant's home, by administrators, and by those whom an agreement lets read them.

-- create_device --
-- No row: the id is taken. The error would end the transaction, and an id that was made from a
-- name can be made again.
INSERT INTO devices (id, tenant_id, model_id, lab_id, name, stage, tags, metadata,
                     values_per_second)
VALUES (%(id)s, %(tenant_id)s, %(model_id)s, %(lab_id)s, %(name)s, %(stage)s, %(tags)s,
        %(metadata)s, %(values_per_second)s)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- devices --
SELECT d.*, a.last_seen, a.online, NOT o.own AS shared, s.include_metadata
FROM devices d
JOIN tenants t ON t.id = d.tenant_id
LEFT JOIN labs l ON l.id = d.lab_id
LEFT JOIN device_activity a ON a.device_id = d.id
LEFT JOIN shared_devices(%(tenants)s, %(parks)s) s ON s.device_id = d.id
CROSS JOIN LATERAL (
    SELECT %(everything)s OR d.tenant_id = ANY(%(tenants)s)
           OR coalesce(l.park_id = ANY(%(parks)s), false)
           OR coalesce(t.park_id = ANY(%(parks)s), false) AS own
) o
WHERE (o.own OR s.device_id IS NOT NULL)
  AND (%(id)s::text IS NULL OR d.id = %(id)s)
  AND (%(after)s::text IS NULL OR d.id > %(after)s)
  AND (%(tenant_id)s::text IS NULL OR d.tenant_id = %(tenant_id)s)
  AND (%(park_id)s::text IS NULL OR coalesce(l.park_id, t.park_id) = %(park_id)s)
  AND (%(lab_id)s::text IS NULL OR d.lab_id = %(lab_id)s)
  AND (%(model_id)s::text IS NULL OR d.model_id = %(model_id)s)
  AND (%(stage)s::text IS NULL OR d.stage = %(stage)s)
  AND (%(tag)s::text IS NULL OR %(tag)s = ANY(d.tags))
  AND (%(q)s::text IS NULL OR strpos(lower(d.id || ' ' || d.name), lower(%(q)s)) > 0)
ORDER BY d.id
LIMIT %(limit)s;

-- change_device --
UPDATE devices d
SET (name, model_id, lab_id, stage, tags, metadata, values_per_second, changed_at) = (
    SELECT n.name, n.model_id, n.lab_id, n.stage, n.tags, n.metadata, n.values_per_second, now()
    FROM jsonb_populate_record(d, %(changes)s) n
)
WHERE d.id = %(id)s;

-- retire_device --
UPDATE devices SET stage = 'retired', retired_at = now(), changed_at = now()
WHERE id = %(id)s AND retired_at IS NULL;

-- revoke_all_secrets --
UPDATE device_secrets SET revoked_at = now() WHERE device_id = %(id)s AND revoked_at IS NULL;
