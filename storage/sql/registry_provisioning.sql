-- Provisioning keys, with which devices make their own entries.

-- create_key --
INSERT INTO provisioning_keys (tenant_id, name, sha256, id_prefix, model_id, lab_id, tags,
                               max_devices, created_by, expires_at)
VALUES (%(tenant_id)s, %(name)s, %(sha256)s, %(id_prefix)s, %(model_id)s, %(lab_id)s, %(tags)s,
        %(max_devices)s, %(created_by)s, now() + %(validity)s)
RETURNING *;

-- keys --
SELECT * FROM provisioning_keys
WHERE tenant_id = %(tenant_id)s AND (%(after)s::bigint IS NULL OR id > %(after)s)
ORDER BY id
LIMIT %(limit)s;

-- revoke_key --
UPDATE provisioning_keys SET revoked_at = coalesce(revoked_at, now())
WHERE id = %(id)s AND tenant_id = %(tenant_id)s
RETURNING id;

-- lock_valid_key --
-- The devices of one key go one after the other, so that it makes none too many.
SELECT * FROM provisioning_keys
WHERE sha256 = %(sha256)s AND revoked_at IS NULL AND expires_at > now()
FOR NO KEY UPDATE;

-- provisioned_device --
-- The device that the key made for the serial number, and whether it may still get a secret: it
-- was never heard, and nobody gave it away or retired it.
SELECT d.id,
       d.tenant_id = k.tenant_id AND d.retired_at IS NULL
           AND NOT EXISTS (SELECT FROM device_activity a WHERE a.device_id = d.id) AS is_waiting
FROM provisioned_devices p
JOIN provisioning_keys k ON k.id = p.key_id
JOIN devices d ON d.id = p.device_id
WHERE p.key_id = %(key_id)s AND p.serial = %(serial)s;

-- note_device --
WITH counted AS (
    UPDATE provisioning_keys SET made = made + 1 WHERE id = %(key_id)s
)
INSERT INTO provisioned_devices (key_id, serial, device_id)
VALUES (%(key_id)s, %(serial)s, %(device_id)s);
