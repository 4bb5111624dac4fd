-- Offers to give devices to another tenant.

-- lock_devices --
-- Those of the devices that the tenant has.
SELECT id, stage FROM devices
WHERE id = ANY(%(devices)s) AND tenant_id = %(tenant_id)s
ORDER BY id
FOR NO KEY UPDATE;

-- open_offers --
-- Which of the devices are offered already, and in which transfer.
SELECT x.device_id, t.id AS transfer_id
FROM transfer_devices x
JOIN transfers t ON t.id = x.transfer_id
WHERE x.device_id = ANY(%(devices)s) AND t.state = 'offered' AND t.expires_at > now()
ORDER BY x.device_id;

-- offer --
WITH added AS (
    INSERT INTO transfers (from_tenant_id, to_tenant_id, with_history, message, expires_at)
    VALUES (%(from_tenant_id)s, %(to_tenant_id)s, %(with_history)s, %(message)s,
            now() + %(lifetime)s)
    RETURNING id
), devices AS (
    INSERT INTO transfer_devices (transfer_id, device_id, name, model)
    SELECT added.id, d.id, d.name, m.name
    FROM added, devices d
    LEFT JOIN models m ON m.id = d.model_id
    WHERE d.id = ANY(%(devices)s)
)
SELECT id FROM added;

-- transfers --
-- Both sides see an offer, and nobody else.
SELECT t.id, t.from_tenant_id, f.name AS from_tenant_name, t.to_tenant_id, t.with_history,
       t.message, t.offered_at, t.expires_at, t.answered_at, shown.state, given.devices
FROM transfers t
JOIN tenants f ON f.id = t.from_tenant_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.state = 'offered' AND t.expires_at <= now() THEN 'expired' ELSE t.state END
) shown (state)
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', x.device_id, 'name', x.name, 'model', x.model) ORDER BY x.device_id), '[]')
    FROM transfer_devices x WHERE x.transfer_id = t.id
) given (devices)
WHERE (%(everything)s OR t.from_tenant_id = ANY(%(tenants)s) OR t.to_tenant_id = ANY(%(tenants)s))
  AND (%(id)s::bigint IS NULL OR t.id = %(id)s)
  AND (%(after)s::bigint IS NULL OR t.id > %(after)s)
  AND (%(tenant_id)s::text IS NULL OR %(tenant_id)s IN (t.from_tenant_id, t.to_tenant_id))
  AND (%(state)s::text IS NULL OR shown.state = %(state)s)
ORDER BY t.id
LIMIT %(limit)s;

-- answer --
-- No row: somebody answered it before, or it has expired.
UPDATE transfers SET state = %(state)s, answered_at = now()
WHERE id = %(id)s AND state = 'offered' AND expires_at > now()
RETURNING id;

-- withdraw_offers --
UPDATE transfers SET state = 'withdrawn', answered_at = now()
WHERE state = 'offered'
  AND id IN (SELECT transfer_id FROM transfer_devices WHERE device_id = %(device_id)s);

-- copy_models --
-- The giver's own models stay with it; the receiver gets a copy of each that the devices have.
WITH own AS (
    SELECT DISTINCT m.id, m.name, m.description,
           left(m.id, 50) || '-t' || %(id)s::bigint AS copy_id
    FROM devices d
    JOIN models m ON m.id = d.model_id AND m.tenant_id = %(from_tenant_id)s
    WHERE d.id = ANY(%(devices)s)
), copies AS (
    INSERT INTO models (id, tenant_id, name, description)
    SELECT copy_id, %(to_tenant_id)s, name, description FROM own
), metrics AS (
    INSERT INTO model_metrics
    SELECT copy.*
    FROM own
    JOIN model_metrics k ON k.model_id = own.id
    CROSS JOIN LATERAL
        jsonb_populate_record(k, jsonb_build_object('model_id', own.copy_id)) AS copy
)
SELECT id, copy_id FROM own;

-- move_devices --
-- A device stays in a lab only where that is in the receiver's home park.
UPDATE devices d
SET tenant_id = r.id, bookable = false, changed_at = now(),
    lab_id = (SELECT l.id FROM labs l WHERE l.id = d.lab_id AND l.park_id = r.park_id),
    model_id = coalesce((SELECT copy FROM unnest(%(models)s::text[], %(copies)s::text[])
                             AS copied (model, copy) WHERE model = d.model_id), d.model_id)
FROM tenants r
WHERE r.id = %(to_tenant_id)s AND d.id = ANY(%(devices)s);

-- give_history --
UPDATE device_owners SET tenant_id = %(to_tenant_id)s
WHERE device_id = ANY(%(devices)s) AND tenant_id = %(from_tenant_id)s;
