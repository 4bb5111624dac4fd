-- Tenants: seen by their people, by the people of their home park, and by administrators.

-- create_tenant --
INSERT INTO tenants (id, name, kind, park_id, language, values_per_second)
VALUES (%(id)s, %(name)s, %(kind)s, %(park_id)s, %(language)s, %(values_per_second)s)
RETURNING *;

-- tenants --
-- A page as one viewer sees it, as for devices.
SELECT t.*
FROM tenant_viewers v
JOIN tenants t ON t.id = v.tenant_id
WHERE v.kind = %(kind)s AND v.viewer = %(viewer)s
  AND (%(after)s::text IS NULL OR t.id > %(after)s)
  AND (%(park_id)s::text IS NULL OR t.park_id = %(park_id)s)
  AND (%(longest)s::text IS NULL OR searched(t.id || ' ' || t.name) LIKE %(longest)s)
  AND (%(patterns)s::text[] IS NULL OR searched(t.id || ' ' || t.name) LIKE ALL(%(patterns)s))
ORDER BY t.id
LIMIT %(limit)s;

-- tenant --
SELECT t.* FROM tenants t
WHERE t.id = %(id)s AND EXISTS (
    SELECT FROM unnest(%(kinds)s::text[], %(viewers)s::text[]) AS seer (kind, viewer)
    JOIN tenant_viewers v ON v.kind = seer.kind AND v.viewer = seer.viewer
    WHERE v.tenant_id = t.id);

-- change_tenant --
UPDATE tenants t
SET (name, kind, park_id, language, values_per_second) = (
    SELECT n.name, n.kind, n.park_id, n.language, n.values_per_second
    FROM jsonb_populate_record(t, %(changes)s) n
)
WHERE t.id = %(id)s
RETURNING *;
