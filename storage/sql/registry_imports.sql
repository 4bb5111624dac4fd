-- The import of many devices: its rows are put into a table of their own, looked at and stored with
-- a statement for all of them. The table ends with the transaction.

-- create_rows --
CREATE TEMPORARY TABLE import_rows (
    number      integer PRIMARY KEY,
    id          device_name NOT NULL UNIQUE,
    tenant_id   slug NOT NULL,
    -- The fields that the row has, by column of devices; those that it lacks stay as they are.
    given       jsonb NOT NULL,
    created     boolean NOT NULL DEFAULT false
) ON COMMIT DROP;

-- copy_rows --
COPY import_rows (number, id, tenant_id, given) FROM STDIN;

-- faults --
-- What only the database knows of the rows. It makes no difference whether a thing exists for
-- another tenant.
WITH own AS (
    SELECT r.*, d.id IS NOT NULL AS exists, d.retired_at IS NOT NULL AS is_retired, d.stage
    FROM import_rows r
    LEFT JOIN devices d ON d.id = r.id AND d.tenant_id = r.tenant_id
)
SELECT number, 'tenant' AS fault FROM own
WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = own.tenant_id)
UNION ALL
SELECT number, 'model' FROM own
WHERE given ->> 'model_id' IS NOT NULL AND NOT EXISTS (
    SELECT FROM models m WHERE m.id = given ->> 'model_id'
      AND (m.tenant_id IS NULL OR m.tenant_id = own.tenant_id))
UNION ALL
SELECT number, 'lab' FROM own
WHERE given ->> 'lab_id' IS NOT NULL
  AND NOT EXISTS (SELECT FROM labs l WHERE l.id = given ->> 'lab_id')
UNION ALL
SELECT number, 'nameless' FROM own WHERE NOT exists AND given ->> 'name' IS NULL
UNION ALL
SELECT number, 'retiring' FROM own WHERE NOT is_retired AND given ->> 'stage' = 'retired'
UNION ALL
SELECT number, 'retired' FROM own WHERE is_retired AND given ->> 'stage' <> 'retired'
UNION ALL
SELECT number, 'moving' FROM own
WHERE NOT is_retired AND given ->> 'stage' NOT IN (stage, 'retired')
  AND stage || '-' || (given ->> 'stage') <> ALL(%(moves)s);

-- forget_rows --
DELETE FROM import_rows WHERE number = ANY(%(numbers)s);

-- add_devices --
-- The ids in order: two imports of the same devices wait for each other, but never in a circle.
WITH added AS (
    INSERT INTO devices (id, tenant_id, name, model_id, lab_id, stage, tags, metadata,
                         values_per_second, latitude, longitude)
    SELECT r.id, r.tenant_id, n.name, n.model_id, n.lab_id, n.stage, n.tags, n.metadata,
           n.values_per_second, n.latitude, n.longitude
    FROM import_rows r
    CROSS JOIN jsonb_populate_record(
        NULL::devices, '{"stage": "prototype", "tags": [], "metadata": {}}' || r.given) n
    WHERE NOT EXISTS (SELECT FROM devices d WHERE d.id = r.id)
    ORDER BY r.id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
UPDATE import_rows r SET created = true FROM added WHERE added.id = r.id;

-- outcomes --
-- What became of each row; for one whose device was there before, the fields that differ, or that
-- the device is another tenant's.
SELECT r.number, r.id, r.created, d.tenant_id <> r.tenant_id AS taken,
       ARRAY(SELECT g.key FROM jsonb_each(r.given) g
             WHERE NOT r.created AND g.value IS DISTINCT FROM was.device -> g.key
             ORDER BY g.key) AS changes
FROM import_rows r
JOIN devices d ON d.id = r.id
CROSS JOIN LATERAL (SELECT to_jsonb(d) AS device) was
ORDER BY r.number;

-- change_devices --
UPDATE devices d
SET (name, model_id, lab_id, stage, tags, metadata, values_per_second, latitude, longitude,
     changed_at) = (
    SELECT n.name, n.model_id, n.lab_id, n.stage, n.tags, n.metadata, n.values_per_second,
           n.latitude, n.longitude, now()
    FROM jsonb_populate_record(d, r.given) n
)
FROM import_rows r
WHERE r.id = d.id AND r.tenant_id = d.tenant_id AND r.number = ANY(%(numbers)s);

-- revoke_unheard --
-- The secrets of devices that never said a word: nobody is locked out.
WITH unheard AS (
    SELECT d.id FROM import_rows r
    JOIN devices d ON d.id = r.id AND d.tenant_id = r.tenant_id
    WHERE NOT r.created AND d.retired_at IS NULL
      AND NOT EXISTS (SELECT FROM device_activity a WHERE a.device_id = d.id)
), revoked AS (
    UPDATE device_secrets s SET revoked_at = now() FROM unheard
    WHERE s.device_id = unheard.id AND s.revoked_at IS NULL
)
SELECT id FROM unheard;

-- copy_secrets --
COPY device_secrets (device_id, hash) FROM STDIN;
