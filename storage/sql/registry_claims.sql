-- Claim codes: whoever has one takes the device into a tenant of his or her own.

-- issue_code --
INSERT INTO claim_codes (device_id, tenant_id, sha256, expires_at)
VALUES (%(device_id)s, %(tenant_id)s, %(sha256)s, now() + %(validity)s)
ON CONFLICT (device_id) DO UPDATE
SET (tenant_id, sha256, created_at, expires_at)
    = (excluded.tenant_id, excluded.sha256, now(), excluded.expires_at)
RETURNING device_id, expires_at;

-- withdraw_code --
DELETE FROM claim_codes WHERE device_id = %(device_id)s RETURNING device_id;

-- use_code --
-- No row: there is no such code, or it is used, has expired, or the device is not to be had.
DELETE FROM claim_codes c USING devices d
WHERE c.sha256 = %(sha256)s AND c.expires_at > now()
  AND d.id = c.device_id AND d.tenant_id = c.tenant_id AND d.retired_at IS NULL
RETURNING d.id, d.tenant_id;

-- move_device --
-- A model of the old owner's own stays there. The device leaves its lab, unless that is in the
-- home park of the new owner.
UPDATE devices d
SET tenant_id = t.id, changed_at = now(),
    model_id = (SELECT m.id FROM models m
                WHERE m.id = d.model_id AND (m.tenant_id IS NULL OR m.tenant_id = t.id)),
    lab_id = (SELECT l.id FROM labs l WHERE l.id = d.lab_id AND l.park_id = t.park_id)
FROM tenants t
WHERE d.id = %(id)s AND t.id = %(tenant_id)s;
