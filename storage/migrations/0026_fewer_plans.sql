-- Slots and agreements in functions of PL/pgSQL, which keep their plans: a list is planned anew for
-- each question, and to plan these took longer than the whole list.

-- The devices that a viewer sees for a time; few.
CREATE FUNCTION guests_of(kind text, viewer text) RETURNS text[] LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(SELECT g.device_id FROM device_guests g
                 WHERE g.kind = guests_of.kind AND g.viewer = guests_of.viewer);
END $$;

-- Whether one of the tenants has booked the device, and the slot runs.
CREATE FUNCTION is_booked_by(device_id text, tenants text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM bookings b
                   WHERE b.device_id = is_booked_by.device_id AND b.tenant_id = ANY(tenants)
                     AND b.during @> now());
END $$;

-- Whether agreements let a scope read what is said of the device too; NULL: none shows the device.
CREATE FUNCTION shown_by_agreement(device_id text, tenants text[], parks text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT bool_or(a.include_metadata) FROM agreement_devices a
            WHERE a.device_id = shown_by_agreement.device_id
              AND (a.reader = ANY(tenants) OR a.reader_park_id = ANY(parks)));
END $$;

-- As in 0021; who sees the device anyway asks neither.
CREATE OR REPLACE FUNCTION shown_to(device devices, everything boolean, tenants text[], parks text[])
RETURNS TABLE (shared boolean, include_metadata boolean) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT NOT role.own, agreed.include_metadata
    FROM (SELECT everything OR device.tenant_id = ANY(tenants)
                 OR coalesce(device.home_park_id = ANY(parks), false)
                 OR coalesce(device.lab_park_id = ANY(parks), false)
                 OR is_booked_by(device.id, tenants)) AS role (own)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN NOT role.own THEN shown_by_agreement(device.id, tenants, parks) END
    ) AS agreed (include_metadata)
    WHERE role.own OR agreed.include_metadata IS NOT NULL
$$;

-- Who a token or a session stands for, with the roles that count today. A role's last day ends at
-- midnight in its park (the tenant's home park for a role in a tenant), in UTC without a park.
CREATE VIEW key_holders AS
SELECT k.sha256, u.id, u.email, u.name, k.token_id, k.session_id, k.scopes,
       k.last_used_at IS NULL OR k.last_used_at < now() - INTERVAL '1 minute' AS unmarked,
       coalesce(m.memberships, '[]') AS memberships,
       EXISTS (SELECT FROM agreements WHERE reader = 'user:' || u.id) AS has_passes
FROM valid_keys k
JOIN users u ON u.id = k.user_id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
        'role', m.role, 'park_id', m.park_id, 'tenant_id', m.tenant_id, 'until', m.until
    ) ORDER BY m.id) AS memberships
    FROM memberships m
    LEFT JOIN tenants t ON t.id = m.tenant_id
    LEFT JOIN parks p ON p.id = coalesce(m.park_id, t.park_id)
    WHERE m.user_id = u.id
      AND (m.until IS NULL OR m.until >= (now() AT TIME ZONE coalesce(p.time_zone, 'UTC'))::date)
) m ON true;
