-- What devices say: series, readings, states, rejections, and the newest of each.

CREATE EXTENSION IF NOT EXISTS timescaledb;

CREATE TABLE series (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id   device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    metric      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('number', 'boolean', 'text', 'object')),
    unit        text,
    first_seen  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device_id, metric)
);

-- No foreign key to series: its check, row by row, would cost a third of the COPY. Ingest knows
-- every series that it writes, and a series is deleted only after its readings.
CREATE TABLE readings (
    series_id   integer NOT NULL,
    ts          timestamptz NOT NULL,
    value       double precision NOT NULL
) WITH (autovacuum_analyze_scale_factor = 0.02);
SELECT create_hypertable('readings', by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
CREATE UNIQUE INDEX readings_key ON readings (series_id, ts);

CREATE TABLE states (
    series_id   integer NOT NULL,
    ts          timestamptz NOT NULL,
    value       jsonb NOT NULL
);
SELECT create_hypertable('states', by_range('ts', INTERVAL '7 days'), create_default_indexes => false);
CREATE UNIQUE INDEX states_key ON states (series_id, ts);

-- device_id is free text: the device may be unknown, which can be the reason itself.
CREATE TABLE rejections (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    ts          timestamptz NOT NULL,
    device_id   text NOT NULL,
    topic       text NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    payload     bytea NOT NULL CHECK (length(payload) <= 1024),
    size        integer NOT NULL
);
SELECT create_hypertable('rejections', by_range('ts', INTERVAL '7 days'), create_default_indexes => false);
CREATE UNIQUE INDEX rejections_key ON rejections (id, ts);
CREATE INDEX rejections_by_device ON rejections (device_id, ts DESC);

-- The newest reading and state of every series. Written in the transaction of the readings, so
-- it is never wrong; room is left in each page so that updates stay in it.
CREATE TABLE latest (
    series_id   integer PRIMARY KEY REFERENCES series ON DELETE CASCADE,
    ts          timestamptz NOT NULL,
    value       double precision,
    state       jsonb,
    CHECK (num_nonnulls(value, state) = 1)
) WITH (fillfactor = 50);

-- When a device was last heard, by the server's clock, and what its status topic says.
CREATE TABLE device_activity (
    device_id         device_name PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    last_seen         timestamptz,
    online            boolean,
    online_changed_at timestamptz
) WITH (fillfactor = 50);

CREATE VIEW device_places AS
SELECT d.id AS device, d.tenant_id AS tenant, d.lab_id AS lab,
       coalesce(l.park_id, t.park_id) AS park
FROM devices d
JOIN tenants t ON t.id = d.tenant_id
LEFT JOIN labs l ON l.id = d.lab_id;

CREATE VIEW telemetry AS
SELECT r.ts, p.tenant, p.park, p.lab, p.device, s.metric, s.unit, r.value
FROM readings r
JOIN series s ON s.id = r.series_id
JOIN device_places p ON p.device = s.device_id;

CREATE VIEW latest_telemetry AS
SELECT l.ts, p.tenant, p.park, p.lab, p.device, s.metric, s.kind, s.unit, l.value, l.state
FROM latest l
JOIN series s ON s.id = l.series_id
JOIN device_places p ON p.device = s.device_id;
