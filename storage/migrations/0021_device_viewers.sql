-- Who sees a device, in the form in which each question is asked fastest.

-- By a role. Each branch is one table and nothing more, so that the planner makes one index scan of
-- the branch that a viewer needs.
CREATE VIEW device_members AS
SELECT 'platform' AS kind, '' AS viewer, id AS device_id FROM devices
UNION ALL
SELECT 'tenant', tenant_id::text, id FROM devices
UNION ALL
SELECT 'park', home_park_id::text, id FROM devices
UNION ALL
SELECT 'park', lab_park_id::text, id FROM devices;

-- For a time: by a slot that runs, or by an agreement. These are few for each viewer.
CREATE VIEW device_guests AS
SELECT 'tenant' AS kind, tenant_id::text AS viewer, device_id FROM bookings WHERE during @> now()
UNION ALL
SELECT 'tenant', reader, device_id FROM agreement_devices
UNION ALL
SELECT 'park', reader_park_id::text, device_id FROM agreement_devices;

-- Both, for questions that do not look for a few devices among all.
CREATE OR REPLACE VIEW device_viewers AS
SELECT * FROM device_members UNION ALL SELECT * FROM device_guests;

-- How a scope sees a device: whether only agreements show it, and whether they show what is said of
-- it too. No row: it does not see it. A function that returns a table becomes part of the query.
DROP FUNCTION shown_by_agreement;
CREATE FUNCTION shown_to(device devices, everything boolean, tenants text[], parks text[])
RETURNS TABLE (shared boolean, include_metadata boolean) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT NOT role.own, agreed.include_metadata
    FROM (SELECT everything OR device.tenant_id = ANY(tenants)
                 OR coalesce(device.home_park_id = ANY(parks), false)
                 OR coalesce(device.lab_park_id = ANY(parks), false)
                 OR EXISTS (SELECT FROM bookings b
                            WHERE b.device_id = device.id AND b.tenant_id = ANY(tenants)
                              AND b.during @> now())) AS role (own)
    CROSS JOIN LATERAL (
        SELECT bool_or(a.include_metadata) AS include_metadata FROM agreement_devices a
        WHERE NOT role.own AND a.device_id = device.id
          AND (a.reader = ANY(tenants) OR a.reader_park_id = ANY(parks))
    ) agreed
    WHERE role.own OR agreed.include_metadata IS NOT NULL
$$;
