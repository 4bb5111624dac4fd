-- Grafana as code: what its sync remembers, whom it lets in, of what tenants are alerted, and what
-- they show to everybody. ADR 0026.

-- What the sync has made in Grafana. key: `tenant:acme`, `operators` or `showcases`. No reference to
-- tenants: the organisation of one that is gone has still to be removed.
CREATE TABLE grafana_organisations (
    key       text PRIMARY KEY CHECK (key ~ '^(operators|showcases|tenant:.+)$'),
    org_id    bigint NOT NULL,
    -- A digest of the contact points as they were written last: Grafana does not show them again.
    contacts  text NOT NULL DEFAULT ''
);

-- Whom it has let into an organisation; others were let in by Grafana's administrators, and stay.
CREATE TABLE grafana_people (
    key    text NOT NULL REFERENCES grafana_organisations ON DELETE CASCADE,
    email  text NOT NULL,
    PRIMARY KEY (key, email)
);

-- Which users of Grafana it has made: they go when they have no organisation left.
CREATE TABLE grafana_users (
    email  text PRIMARY KEY
);

-- Of what a tenant is alerted, and by which ways; NULL: not at all. A tenant without a row has the
-- defaults.
CREATE TABLE alert_settings (
    tenant_id         slug PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    silent_minutes    integer DEFAULT 60 CHECK (silent_minutes BETWEEN 1 AND 43200),
    out_of_range      boolean NOT NULL DEFAULT true,
    rejected_percent  double precision DEFAULT 5 CHECK (rejected_percent BETWEEN 0 AND 100),
    complete_percent  double precision DEFAULT 80 CHECK (complete_percent BETWEEN 0 AND 100),
    emails            text[] NOT NULL DEFAULT '{}',
    telegram_chat     text,
    -- Encrypted by the registry, whose key is not in the database.
    telegram_token    bytea,
    webhook_url       bytea
);
SELECT audited('alert_settings', private => true);

-- What a tenant shows of a device to everybody, late and rounded as it has chosen. Days are those of
-- the tenant's home park, as in agreements.
CREATE TABLE showcases (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id     device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    tenant_id     slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- NULL: all.
    metrics       text[],
    history_from  date NOT NULL,
    last_day      date NOT NULL,
    delay         interval NOT NULL CHECK (delay >= INTERVAL '0'),
    decimals      smallint NOT NULL CHECK (decimals BETWEEN -9 AND 9),
    -- Of the link; whoever has it may look.
    access_token  text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
    created_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    CHECK (history_from <= last_day)
);
CREATE UNIQUE INDEX showcases_one_for_a_device ON showcases (device_id) WHERE ended_at IS NULL;
CREATE INDEX showcases_by_device ON showcases (device_id, id);
CREATE INDEX showcases_by_tenant ON showcases (tenant_id, id);
SELECT audited('showcases');

-- Each showcase with its moments and its state. A device that left its tenant shows nothing more.
CREATE VIEW showcase_states AS
SELECT s.*, t.history_at, t.ends_at,
       CASE WHEN s.ended_at IS NULL AND now() < t.ends_at AND d.tenant_id = s.tenant_id
                 AND d.stage <> 'retired' THEN 'running' ELSE 'ended' END AS state
FROM showcases s
JOIN devices d ON d.id = s.device_id
JOIN tenants o ON o.id = s.tenant_id
LEFT JOIN parks p ON p.id = o.park_id
CROSS JOIN LATERAL (
    SELECT s.history_from::timestamp AT TIME ZONE coalesce(p.time_zone, 'UTC') AS history_at,
           (s.last_day + 1)::timestamp AT TIME ZONE coalesce(p.time_zone, 'UTC') AS ends_at
) t;

-- All that everybody may read. It looks at the clock: nothing has to run for a showcase to end.
-- Holdings of a device do not overlap, so that no reading is there twice.
CREATE VIEW showcase_readings WITH (security_barrier) AS
SELECT s.id AS showcase, r.ts, k.metric, k.unit,
       round(r.value::numeric, s.decimals)::double precision AS value
FROM showcase_states s
JOIN series k ON k.device_id = s.device_id AND (s.metrics IS NULL OR k.metric = ANY(s.metrics))
JOIN holdings h ON h.device_id = s.device_id AND h.tenant_id = s.tenant_id
JOIN readings r ON r.series_id = k.id AND r.ts <@ h.during
     AND r.ts >= s.history_at AND r.ts <= now() - s.delay
WHERE s.state = 'running';

-- The logins of Grafana that are not a tenant's. As with technopark_grafana, they belong to the whole
-- server. Their passwords are the sync's.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'technopark_showcase') THEN
        CREATE ROLE technopark_showcase NOLOGIN CONNECTION LIMIT 20;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'technopark_operators') THEN
        CREATE ROLE technopark_operators NOLOGIN CONNECTION LIMIT 20 IN ROLE technopark_grafana;
    END IF;
END $$;
ALTER ROLE technopark_showcase SET statement_timeout = '10s';
ALTER ROLE technopark_showcase SET default_transaction_read_only = on;
ALTER ROLE technopark_operators SET statement_timeout = '15s';
ALTER ROLE technopark_operators SET default_transaction_read_only = on;
GRANT SELECT ON showcase_readings TO technopark_showcase;

-- How much came in the last 24 whole hours of the metrics that should come regularly, in percent.
CREATE VIEW tenant_sql.completeness AS
SELECT s.reader, s.device, s.metric, 86400 / m.expected_interval_seconds AS expected,
       n.stored, least(100, 100 * n.stored * m.expected_interval_seconds / 86400) AS percent
FROM tenant_series s
JOIN devices d ON d.id = s.device
JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = s.metric
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.n), 0)::double precision AS stored
    FROM readings_1h r
    WHERE r.series_id = s.series_id
      AND tstzrange(r.bucket, r.bucket + INTERVAL '1 hour') <@ s.during
      AND r.bucket >= date_trunc('hour', now()) - INTERVAL '24 hours'
      AND r.bucket < date_trunc('hour', now())
) n
WHERE m.expected_interval_seconds IS NOT NULL;

-- The name of the role by which Grafana reads for a tenant, by that of the tenant's own.
CREATE FUNCTION grafana_role(role name) RETURNS name LANGUAGE sql IMMUTABLE
RETURN ('g_' || substr(role::text, 3))::name;

-- The role by which Grafana reads for a tenant: all that the tenant's own role may, by a password
-- that its people neither know nor replace. Tenants of before get the views that came since.
CREATE FUNCTION make_grafana_role(tenant text) RETURNS name LANGUAGE plpgsql AS $$
DECLARE
    parent name := (SELECT a.role FROM sql_access a WHERE a.tenant_id = tenant);
    login name := grafana_role(parent);
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN
        RETURN login;
    END IF;
    PERFORM make_tenant_views(parent);
    EXECUTE format('CREATE ROLE %I NOLOGIN CONNECTION LIMIT 10 IN ROLE %I', login, parent);
    EXECUTE format('ALTER ROLE %I SET search_path = %I, public', login, parent);
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', login);
    EXECUTE format('ALTER ROLE %I SET statement_timeout = ''30s''', login);
    EXECUTE format('ALTER ROLE %I SET lock_timeout = ''2s''', login);
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''60s''', login);
    EXECUTE format('ALTER ROLE %I SET idle_session_timeout = ''30min''', login);
    EXECUTE format('ALTER ROLE %I SET work_mem = ''8MB''', login);
    EXECUTE format('ALTER ROLE %I SET max_parallel_workers_per_gather = 0', login);
    EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''512MB''', login);
    RETURN login;
END $$;

CREATE OR REPLACE FUNCTION drop_tenant_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename IN (OLD.role, grafana_role(OLD.role));
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', OLD.role);
    EXECUTE format('DROP ROLE IF EXISTS %I', grafana_role(OLD.role));
    EXECUTE format('DROP ROLE IF EXISTS %I', OLD.role);
    RETURN NULL;
END $$;
