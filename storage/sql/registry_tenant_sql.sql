-- The roles by which tenants read with SQL.

-- make --
-- Triggers make the role and its schema.
INSERT INTO sql_access (tenant_id) VALUES (%(tenant_id)s) ON CONFLICT DO NOTHING;

-- role --
SELECT role::text, current_database()::text AS database FROM sql_access
WHERE tenant_id = %(tenant_id)s;

-- note_password --
INSERT INTO sql_passwords (tenant_id) VALUES (%(tenant_id)s)
ON CONFLICT (tenant_id) DO UPDATE SET set_at = excluded.set_at;

-- forget_password --
DELETE FROM sql_passwords WHERE tenant_id = %(tenant_id)s;

-- end_sessions --
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %(role)s;

-- end_long_queries --
SELECT pg_terminate_backend(s.pid)
FROM pg_stat_activity s
JOIN (SELECT role FROM sql_access
      UNION ALL SELECT grafana_role(role) FROM sql_access
      UNION ALL SELECT role FROM park_access) x ON x.role = s.usename
WHERE s.xact_start < now() - make_interval(secs => %(seconds)s);
