-- SQL for tenants: each has a role and a schema of views, both under one name that tells nothing,
-- because PostgreSQL shows the names of roles and schemas to everybody.
--
-- A tenant is never granted a table: row level security does not hold on hypertables and chunks.
-- Its views run in the name of their owner, and security_barrier keeps a tenant's own functions
-- away from rows that are not its own.

-- Which times of which devices a tenant may read; metrics NULL: all. Every branch of a UNION casts
-- to text: PostgreSQL pushes "of this reader" only into branches of the very type.
CREATE VIEW tenant_windows AS
SELECT tenant_id::text AS reader, device_id::text AS device_id, NULL::text[] AS metrics, during
FROM holdings
UNION ALL
SELECT a.reader, a.device_id::text, a.metrics, a.during * h.during
FROM agreement_devices a
JOIN holdings h ON h.tenant_id = a.tenant_id AND h.device_id = a.device_id
WHERE a.reader IS NOT NULL;

-- The same for each series, one row each: what two windows cover is shown once. OFFSET 0 has the
-- series of each device looked up; PostgreSQL would rather read those of the whole platform, because
-- it believes windows to be many.
CREATE VIEW tenant_series AS
SELECT w.reader, s.id AS series_id, w.device_id AS device, s.metric, s.kind, s.unit,
       range_agg(w.during) AS during
FROM tenant_windows w
CROSS JOIN LATERAL (
    SELECT k.id, k.metric, k.kind, k.unit
    FROM series k
    WHERE k.device_id = w.device_id AND (w.metrics IS NULL OR k.metric = ANY(w.metrics))
    OFFSET 0
) s
GROUP BY w.reader, w.device_id, s.id, s.metric, s.kind, s.unit;

-- Every view of this schema becomes one in the schema of each tenant, without the column reader.
CREATE SCHEMA tenant_sql;

CREATE VIEW tenant_sql.telemetry AS
SELECT s.reader, r.ts, s.device, s.metric, s.unit, r.value
FROM tenant_series s
JOIN readings r ON r.series_id = s.series_id AND r.ts <@ s.during;

CREATE VIEW tenant_sql.states AS
SELECT s.reader, r.ts, s.device, s.metric, r.value
FROM tenant_series s
JOIN states r ON r.series_id = s.series_id AND r.ts <@ s.during;

CREATE VIEW tenant_sql.flags AS
SELECT s.reader, f.ts, s.device, s.metric, f.flag
FROM tenant_series s
JOIN flags f ON f.series_id = s.series_id AND f.ts <@ s.during;

-- The newest value of each series, where it is one that the tenant may read.
CREATE VIEW tenant_sql.latest AS
SELECT s.reader, l.ts, s.device, s.metric, s.kind, s.unit, l.value, l.state
FROM tenant_series s
JOIN latest l ON l.series_id = s.series_id AND l.ts <@ s.during;

-- The tenant's own, those that it holds for a while, and those that agreements show. What is said
-- of a device is for its own tenant, and for agreements that include it.
CREATE VIEW tenant_sql.devices AS
SELECT v.reader, d.id AS device, d.tenant_id AS tenant, d.name, d.model_id AS model,
       d.lab_id AS lab, p.park, d.stage,
       CASE WHEN v.told THEN d.tags END AS tags,
       CASE WHEN v.told THEN d.metadata END AS metadata,
       CASE WHEN v.told THEN d.attributes END AS attributes,
       d.created_at, d.retired_at, a.last_seen, a.online
FROM (
    SELECT reader, device_id, bool_or(told) AS told
    FROM (
        SELECT tenant_id::text, id::text, true FROM devices
        UNION ALL
        SELECT tenant_id::text, device_id::text, false FROM holdings WHERE during @> now()
        UNION ALL
        SELECT reader, device_id::text, include_metadata FROM agreement_devices
        WHERE reader IS NOT NULL
    ) seen (reader, device_id, told)
    GROUP BY reader, device_id
) v
JOIN devices d ON d.id = v.device_id
JOIN device_places p ON p.device = d.id
LEFT JOIN device_activity a ON a.device_id = d.id;

-- What was not stored of the messages of the tenant's own times; never by an agreement.
CREATE VIEW tenant_sql.rejections AS
SELECT h.reader, r.ts, r.device_id AS device, r.topic, r.reason, r.detail,
       substring(r.payload FOR 1024) AS payload, r.size, r.replayed_at
FROM (
    SELECT tenant_id::text AS reader, device_id, range_agg(during) AS during
    FROM holdings
    GROUP BY tenant_id, device_id
) h
JOIN rejections r ON r.device_id = h.device_id AND r.ts <@ h.during;

-- What the models that a tenant may use say of their metrics, and those of devices that it is
-- shown, of the metrics that it is shown.
CREATE VIEW tenant_sql.metrics AS
SELECT t.id::text AS reader, m.id AS model, m.name, k.metric, k.kind, k.unit, k.minimum, k.maximum
FROM tenants t
JOIN models m ON m.tenant_id IS NULL OR m.tenant_id = t.id
JOIN model_metrics k ON k.model_id = m.id
UNION
SELECT a.reader, m.id, m.name, k.metric, k.kind, k.unit, k.minimum, k.maximum
FROM agreement_devices a
JOIN devices d ON d.id = a.device_id
JOIN models m ON m.id = d.model_id
JOIN model_metrics k ON k.model_id = m.id AND (a.metrics IS NULL OR k.metric = ANY(a.metrics))
WHERE a.reader IS NOT NULL;

-- Labs are no secret.
CREATE VIEW tenant_sql.labs AS
SELECT t.id::text AS reader, l.id AS lab, l.name, l.kind, p.id AS park, p.name AS park_name,
       p.time_zone
FROM tenants t, labs l
JOIN parks p ON p.id = l.park_id;

-- The name of a tenant's role and schema. The row, the role and the schema live together. The registry
-- adds the row with the tenant; not a trigger, because many tenants in one transaction, or those
-- that are here before this migration, would need more locks than a server has.
CREATE TABLE sql_access (
    tenant_id  slug PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    role       name NOT NULL UNIQUE DEFAULT 't_' || replace(gen_random_uuid()::text, '-', '')
);

-- Make a role's views, or make them anew: a migration that changes tenant_sql calls it for all.
-- The tenant is looked up by the role, so that a view's definition, which everybody can read, does
-- not name it.
CREATE FUNCTION make_tenant_views(role name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    source record;
BEGIN
    FOR source IN
        SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attname <> 'reader'
        WHERE c.relnamespace = 'tenant_sql'::regnamespace
        GROUP BY c.relname
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW %1$I.%2$I WITH (security_barrier) AS SELECT %3$s '
            'FROM tenant_sql.%2$I '
            'WHERE reader = (SELECT x.tenant_id FROM public.sql_access x WHERE x.role = %1$L)',
            role, source.relname, source.columns);
    END LOOP;
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO %1$I', role);
END $$;

-- A role that cannot log in until a password is asked for. What it may set for itself is set as an
-- offer; the registry ends what runs too long.
CREATE FUNCTION make_tenant_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A database that was restored or copied does not bring this along.
    IF has_database_privilege('public', current_database(), 'TEMPORARY') THEN
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    END IF;
    EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT CONNECTION LIMIT 5', NEW.role);
    EXECUTE format('ALTER ROLE %1$I SET search_path = %1$I, public', NEW.role);
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', NEW.role);
    EXECUTE format('ALTER ROLE %I SET statement_timeout = ''30s''', NEW.role);
    EXECUTE format('ALTER ROLE %I SET lock_timeout = ''2s''', NEW.role);
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''60s''', NEW.role);
    EXECUTE format('ALTER ROLE %I SET idle_session_timeout = ''30min''', NEW.role);
    EXECUTE format('ALTER ROLE %I SET work_mem = ''8MB''', NEW.role);
    EXECUTE format('ALTER ROLE %I SET max_parallel_workers_per_gather = 0', NEW.role);
    EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''512MB''', NEW.role);
    EXECUTE format('CREATE SCHEMA %I', NEW.role);
    EXECUTE format('GRANT USAGE ON SCHEMA %1$I TO %1$I', NEW.role);
    PERFORM make_tenant_views(NEW.role);
    RETURN NULL;
END $$;
CREATE TRIGGER role_made AFTER INSERT ON sql_access
    FOR EACH ROW EXECUTE FUNCTION make_tenant_role();

CREATE FUNCTION drop_tenant_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = OLD.role;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', OLD.role);
    EXECUTE format('DROP ROLE IF EXISTS %I', OLD.role);
    RETURN NULL;
END $$;
CREATE TRIGGER role_dropped AFTER DELETE ON sql_access
    FOR EACH ROW EXECUTE FUNCTION drop_tenant_role();

-- Everybody who is connected may listen to a channel and send word on it, so the names of the
-- channels are secrets: a tenant would hear the ids of foreign devices, and could make ingest
-- forget what it knows as often as it likes.
CREATE TABLE channels (
    purpose  text PRIMARY KEY,
    name     text NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO channels (purpose) VALUES ('credentials'), ('rules');

CREATE FUNCTION listen_to(purpose text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('LISTEN %I', (SELECT c.name FROM channels c WHERE c.purpose = $1));
END $$;

CREATE FUNCTION send_word(purpose text, payload text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify(c.name, $2) FROM channels c WHERE c.purpose = $1
$$;

CREATE OR REPLACE FUNCTION notify_credentials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM send_word('credentials', '');
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION notify_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM send_word('rules', '');
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION notify_device_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM send_word('rules', OLD.id);
    RETURN NULL;
END $$;

-- What PostgreSQL and TimescaleDB give to everybody and a tenant has no use for: who is connected,
-- which chunks there are, locks by which it could make the platform wait. Of the functions it keeps
-- those that queries need: one of TimescaleDB's crashes the server when it is called with a table
-- that is no hypertable (estimate_compressed_batch_size, 2.31), and the platform's own are its own.
REVOKE SELECT ON pg_stat_activity, pg_locks FROM PUBLIC;
GRANT SELECT ON pg_stat_activity, pg_locks TO pg_monitor;
REVOKE EXECUTE ON FUNCTION pg_stat_get_activity, pg_lock_status FROM PUBLIC;
-- By these everybody may fill the disk.
REVOKE EXECUTE ON FUNCTION lo_creat, lo_create, lo_from_bytea FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean),
    pg_logical_emit_message(boolean, text, bytea, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_stat_get_activity, pg_lock_status TO pg_monitor;
-- TimescaleDB looks its schemas up in the name of whoever asks, so their USAGE has to stay.
REVOKE SELECT ON ALL TABLES IN SCHEMA _timescaledb_catalog, _timescaledb_config,
    _timescaledb_internal, timescaledb_experimental, timescaledb_information FROM PUBLIC;
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public, _timescaledb_functions, _timescaledb_internal,
    timescaledb_experimental FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN SELECT oid FROM pg_proc WHERE proname LIKE 'pg\_%advisory%' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
    END LOOP;
    FOR routine IN
        SELECT oid FROM pg_proc
        WHERE proname IN ('time_bucket', 'time_bucket_gapfill', 'locf', 'interpolate', 'first',
                          'last', 'histogram')
           -- What the views of continuous aggregates are made of.
           OR (pronamespace = '_timescaledb_functions'::regnamespace
               AND (proname = 'cagg_watermark' OR proname LIKE 'to\_%'))
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', routine);
    END LOOP;
    -- The databases that every cluster has beside the platform's.
    IF has_database_privilege('public', 'postgres', 'CONNECT') THEN
        REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
    END IF;
END $$;
