-- Grafana as code: what its sync remembers, whom it lets in, of what tenants are alerted, and what
-- they show to everybody. ADR 0026.

-- What the sync has made in Grafana. key: `tenant:acme`, `park:cimahi`, `operators` or `showcases`. No
-- reference to tenants: the organisation of one that is gone has still to be removed.
CREATE TABLE grafana_organisations (
    key       text PRIMARY KEY CHECK (key ~ '^(operators|showcases|(tenant|park):.+)$'),
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

-- How much came in the last 24 whole hours, as far as the reader may see them, of the metrics that
-- should come regularly. Hours of a slot are nobody's but its tenant's: they are not expected either.
CREATE VIEW tenant_sql.completeness AS
SELECT s.reader, s.device, s.metric, e.expected, n.stored,
       least(100, 100 * n.stored / e.expected) AS percent
FROM tenant_series s
JOIN devices d ON d.id = s.device
JOIN model_metrics m ON m.model_id = d.model_id AND m.metric = s.metric
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) AS ends_at) day
CROSS JOIN LATERAL (
    SELECT count(*) * 3600 / m.expected_interval_seconds AS expected
    FROM generate_series(day.ends_at - INTERVAL '24 hours', day.ends_at - INTERVAL '1 hour',
                         INTERVAL '1 hour') hour
    WHERE tstzrange(hour, hour + INTERVAL '1 hour') <@ s.during
) e
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.n), 0)::double precision AS stored
    FROM readings_1h r
    WHERE r.series_id = s.series_id
      AND tstzrange(r.bucket, r.bucket + INTERVAL '1 hour') <@ s.during
      AND r.bucket >= date_trunc('hour', now()) - INTERVAL '24 hours'
      AND r.bucket < date_trunc('hour', now())
) n
WHERE m.expected_interval_seconds IS NOT NULL AND e.expected > 0;

-- The name of the role by which Grafana reads for a tenant, by that of the tenant's own.
CREATE FUNCTION grafana_role(role name) RETURNS name LANGUAGE sql IMMUTABLE
RETURN ('g_' || substr(role::text, 3))::name;

-- What a login of Grafana may take of the server. It may set these for itself, as a tenant may; the
-- registry ends what runs too long.
CREATE FUNCTION limit_grafana_role(login name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', login);
    EXECUTE format('ALTER ROLE %I SET statement_timeout = ''30s''', login);
    EXECUTE format('ALTER ROLE %I SET lock_timeout = ''2s''', login);
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''60s''', login);
    EXECUTE format('ALTER ROLE %I SET idle_session_timeout = ''30min''', login);
    EXECUTE format('ALTER ROLE %I SET work_mem = ''8MB''', login);
    EXECUTE format('ALTER ROLE %I SET max_parallel_workers_per_gather = 0', login);
    EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''512MB''', login);
END $$;

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
    PERFORM limit_grafana_role(login);
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

-- What a park's people see of devices, and when, as held_by has it: what its home tenants hold, and of
-- devices in its labs all since their owner has them. Not what agreements show.
CREATE VIEW park_windows AS
SELECT t.park_id::text AS reader, s.device_id::text AS device_id, s.during
FROM shares s
JOIN tenants t ON t.id = s.tenant_id
WHERE t.park_id IS NOT NULL
UNION ALL
SELECT d.lab_park_id::text, d.id::text, tstzmultirange(o.during)
FROM devices d
JOIN device_owners o ON o.device_id = d.id AND o.tenant_id = d.tenant_id
WHERE d.lab_park_id IS NOT NULL;

-- The same for each series and each device, one row each; OFFSET 0 as in tenant_series.
CREATE VIEW park_series AS
SELECT w.reader, s.id AS series_id, w.device_id AS device, s.metric, s.kind, s.unit,
       range_agg(w.during) AS during
FROM park_windows w
CROSS JOIN LATERAL (
    SELECT k.id, k.metric, k.kind, k.unit FROM series k WHERE k.device_id = w.device_id OFFSET 0
) s
GROUP BY w.reader, w.device_id, s.id, s.metric, s.kind, s.unit;

-- Every view of this schema becomes one in the schema of each park, without the column reader. They
-- are called, and look, like those of the operators, so that one dashboard is for both.
CREATE SCHEMA park_sql;

CREATE VIEW park_sql.telemetry AS
SELECT s.reader, r.ts, p.tenant, p.park, p.lab, p.device, s.metric, s.unit, r.value
FROM park_series s
JOIN device_places p ON p.device = s.device
JOIN readings r ON r.series_id = s.series_id AND r.ts <@ s.during;

CREATE VIEW park_sql.latest_telemetry AS
SELECT s.reader, l.ts, p.tenant, p.park, p.lab, p.device, s.metric, s.kind, s.unit, l.value, l.state
FROM park_series s
JOIN device_places p ON p.device = s.device
JOIN latest l ON l.series_id = s.series_id AND l.ts <@ s.during;

CREATE VIEW park_sql.device_overview AS
SELECT v.reader, o.device, o.name, o.stage, o.model, o.tenant, o.lab, o.park, o.last_seen, o.online,
       o.online_changed_at
FROM (
    SELECT home_park_id::text AS reader, id FROM devices WHERE home_park_id IS NOT NULL
    UNION
    SELECT lab_park_id::text, id FROM devices WHERE lab_park_id IS NOT NULL
) v
JOIN device_overview o ON o.device = v.id;

CREATE VIEW park_sql.device_places AS
SELECT o.reader, o.device, o.tenant, o.lab, o.park FROM park_sql.device_overview o;

CREATE VIEW park_sql.rejection_overview AS
SELECT w.reader, r.ts, r.device_id AS device, p.tenant, p.lab, p.park, r.reason, r.detail
FROM (
    SELECT reader, device_id, range_agg(during) AS during FROM park_windows
    GROUP BY reader, device_id
) w
JOIN rejections r ON r.device_id = w.device_id AND r.ts <@ w.during
JOIN device_places p ON p.device = r.device_id;

CREATE VIEW park_sql.parks AS
SELECT p.id::text AS reader, p.id, p.name, p.time_zone, p.latitude, p.longitude FROM parks p;

CREATE VIEW park_sql.labs AS
SELECT l.park_id::text AS reader, l.id, l.park_id, l.name, l.kind FROM labs l;

CREATE VIEW park_sql.tenants AS
SELECT v.reader, t.id, t.name, t.kind, t.park_id
FROM (
    SELECT park_id::text AS reader, id FROM tenants WHERE park_id IS NOT NULL
    UNION
    SELECT lab_park_id::text, tenant_id FROM devices WHERE lab_park_id IS NOT NULL
) v
JOIN tenants t ON t.id = v.id;

-- The name of a park's role and schema, which live with the row. Nobody but Grafana has them.
CREATE TABLE park_access (
    park_id  slug PRIMARY KEY REFERENCES parks ON DELETE CASCADE,
    role     name NOT NULL UNIQUE DEFAULT 'p_' || replace(gen_random_uuid()::text, '-', '')
);
CREATE TRIGGER role_dropped AFTER DELETE ON park_access
    FOR EACH ROW EXECUTE FUNCTION drop_tenant_role();

CREATE FUNCTION make_park_role(park text) RETURNS name LANGUAGE plpgsql AS $$
DECLARE
    login name;
    source record;
BEGIN
    INSERT INTO park_access (park_id) VALUES (park) ON CONFLICT DO NOTHING;
    login := (SELECT a.role FROM park_access a WHERE a.park_id = park);
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT CONNECTION LIMIT 10', login);
        EXECUTE format('ALTER ROLE %1$I SET search_path = %1$I, public', login);
        PERFORM limit_grafana_role(login);
        EXECUTE format('CREATE SCHEMA %I', login);
        EXECUTE format('GRANT USAGE ON SCHEMA %1$I TO %1$I', login);
    END IF;
    FOR source IN
        SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attname <> 'reader'
        WHERE c.relnamespace = 'park_sql'::regnamespace
        GROUP BY c.relname
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW %1$I.%2$I WITH (security_barrier) AS SELECT %3$s '
            'FROM park_sql.%2$I '
            'WHERE reader = (SELECT x.park_id FROM public.park_access x WHERE x.role = %1$L)',
            login, source.relname, source.columns);
    END LOOP;
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO %1$I', login);
    RETURN login;
END $$;
