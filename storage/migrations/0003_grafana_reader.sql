-- The role by which Grafana's operator dashboards read. It sees views and names, never a
-- hypertable or a chunk. It may log in once `technopark migrate` is given a password for it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'technopark_grafana') THEN
        CREATE ROLE technopark_grafana NOLOGIN CONNECTION LIMIT 30;
    END IF;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
ALTER ROLE technopark_grafana SET statement_timeout = '15s';
ALTER ROLE technopark_grafana SET default_transaction_read_only = on;

CREATE VIEW device_overview AS
SELECT d.id AS device, d.name, d.stage, d.model_id AS model, p.tenant, p.lab, p.park,
       a.last_seen, a.online, a.online_changed_at
FROM devices d
JOIN device_places p ON p.device = d.id
LEFT JOIN device_activity a ON a.device_id = d.id;

CREATE VIEW rejection_overview AS
SELECT r.ts, r.device_id AS device, p.tenant, p.lab, p.park, r.reason, r.detail
FROM rejections r
LEFT JOIN device_places p ON p.device = r.device_id;

GRANT SELECT ON telemetry, latest_telemetry, device_places, device_overview, rejection_overview,
    parks, labs, tenants TO technopark_grafana;
