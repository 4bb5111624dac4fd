-- What Grafana's sync asks: what there should be, and what it remembers.

-- lock --
SELECT pg_try_advisory_lock(7402026, 22);

-- tenants --
-- With their alerts. One that is being deleted is gone already.
SELECT t.id, t.name, t.language, a.tenant_id IS NOT NULL AS chosen, a.silent_minutes, a.out_of_range,
       a.rejected_percent, a.complete_percent, coalesce(a.emails, '{}') AS emails,
       a.telegram_chat, a.telegram_token, a.webhook_url
FROM tenants t
LEFT JOIN alert_settings a ON a.tenant_id = t.id
WHERE NOT EXISTS (SELECT FROM tenant_deletions d
                  WHERE d.tenant_id = t.id AND d.started_at <= now())
ORDER BY t.id;

-- parks --
SELECT id, name, language FROM parks ORDER BY id;

-- people --
-- Those of tenants and parks, and the administrators, with the greatest of their roles.
SELECT coalesce('tenant:' || m.tenant_id, 'park:' || m.park_id, 'operators') AS key, lower(u.email) AS email,
       min(u.name) AS name,
       bool_or(m.role NOT IN ('mentor', 'viewer')) AS edits
FROM memberships m
JOIN users u ON u.id = m.user_id
LEFT JOIN tenants t ON t.id = m.tenant_id
LEFT JOIN parks p ON p.id = coalesce(m.park_id, t.park_id)
WHERE (m.until IS NULL OR m.until >= (now() AT TIME ZONE coalesce(p.time_zone, 'UTC'))::date)
GROUP BY 1, 2
ORDER BY 1, 2;

-- showcases --
SELECT s.id, d.name, t.name AS tenant, t.language, s.access_token, extract(epoch FROM s.delay)::bigint AS delay_seconds,
       s.decimals, s.last_day
FROM showcase_states s
JOIN devices d ON d.id = s.device_id
JOIN tenants t ON t.id = s.tenant_id
WHERE s.state = 'running'
ORDER BY s.id;

-- organisations --
SELECT key, org_id, contacts FROM grafana_organisations;

-- remember_organisation --
INSERT INTO grafana_organisations (key, org_id) VALUES (%(key)s, %(org_id)s)
ON CONFLICT (key) DO UPDATE SET org_id = excluded.org_id, contacts = '';

-- remember_contacts --
UPDATE grafana_organisations SET contacts = %(contacts)s WHERE key = %(key)s;

-- forget_organisation --
DELETE FROM grafana_organisations WHERE key = %(key)s;

-- let_in --
SELECT email FROM grafana_people WHERE key = %(key)s;

-- remember_person --
INSERT INTO grafana_people (key, email) VALUES (%(key)s, %(email)s) ON CONFLICT DO NOTHING;

-- forget_person --
DELETE FROM grafana_people WHERE key = %(key)s AND email = %(email)s;

-- made_users --
SELECT email FROM grafana_users ORDER BY email;

-- remember_user --
INSERT INTO grafana_users (email) VALUES (%(email)s) ON CONFLICT DO NOTHING;

-- forget_user --
DELETE FROM grafana_users WHERE email = %(email)s;

-- make_tenant --
INSERT INTO sql_access (tenant_id) VALUES (%(tenant_id)s) ON CONFLICT DO NOTHING;

-- make_role --
SELECT make_grafana_role(%(tenant_id)s);

-- make_park_role --
SELECT make_park_role(%(park_id)s);

-- park_role --
SELECT role AS rolname FROM park_access WHERE park_id = %(park_id)s;

-- role --
-- The role that Grafana has for a tenant, if there is one yet.
SELECT r.rolname FROM sql_access a JOIN pg_roles r ON r.rolname = grafana_role(a.role)
WHERE a.tenant_id = %(tenant_id)s;
