-- Tenants: seen by their people, by the people of their home park, and by administrators.

-- create_tenant --
INSERT INTO tenants (id, name, kind, park_id, values_per_second)
VALUES (%(id)s, %(name)s, %(kind)s, %(park_id)s, %(values_per_second)s)
RETURNING *;

-- tenants --
SELECT * FROM tenants
WHERE (%(everything)s OR id = ANY(%(tenants)s) OR park_id = ANY(%(parks)s))
  AND (%(after)s::text IS NULL OR id > %(after)s)
  AND (%(park_id)s::text IS NULL OR park_id = %(park_id)s)
ORDER BY id
LIMIT %(limit)s;

-- tenant --
SELECT * FROM tenants
WHERE id = %(id)s
  AND (%(everything)s OR id = ANY(%(tenants)s) OR park_id = ANY(%(parks)s));

-- change_tenant --
UPDATE tenants t
SET (name, kind, park_id, values_per_second) = (
    SELECT n.name, n.kind, n.park_id, n.values_per_second
    FROM jsonb_populate_record(t, %(changes)s) n
)
WHERE t.id = %(id)s
RETURNING *;
