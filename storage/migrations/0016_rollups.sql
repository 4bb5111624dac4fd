-- Readings summed up by the hour and by the day (in UTC), once and for all, so that a year of a series
-- is 8,760 rows, or 365. With the Apache edition a job of the registry keeps them; how, and why they
-- are right: ADR 0019. With the Community edition TimescaleDB does it, and these tables stay empty.

CREATE TABLE rollup_hours (
    series_id   integer NOT NULL,
    bucket      timestamptz NOT NULL,
    n           bigint NOT NULL,
    sum         double precision NOT NULL,
    min         double precision NOT NULL,
    max         double precision NOT NULL,
    first       double precision NOT NULL,
    first_ts    timestamptz NOT NULL,
    last        double precision NOT NULL,
    last_ts     timestamptz NOT NULL
);
SELECT create_hypertable('rollup_hours', by_range('bucket', INTERVAL '30 days'),
                         create_default_indexes => false);
CREATE UNIQUE INDEX rollup_hours_key ON rollup_hours (series_id, bucket);

CREATE TABLE rollup_days (LIKE rollup_hours);
SELECT create_hypertable('rollup_days', by_range('bucket', INTERVAL '360 days'),
                         create_default_indexes => false);
CREATE UNIQUE INDEX rollup_days_key ON rollup_days (series_id, bucket);

-- One row. No reading is older than 2000-01-01 (the wire contract), so it begins before all of them.
CREATE TABLE rollup_progress (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- What is before it is read from rollup_hours and rollup_days, the rest from the readings.
    watermark   timestamptz NOT NULL DEFAULT '1999-12-31 00:00+00',
    -- Who changes readings before it adds their hours to rollup_stale.
    frontier    timestamptz NOT NULL DEFAULT '1999-12-31 00:00+00',
    -- Transactions with lower numbers may not know the frontier; NULL: it has to be asked which.
    awaited     xid8,
    -- Whether TimescaleDB keeps the rollups.
    native      boolean NOT NULL DEFAULT false,
    CHECK (watermark <= frontier)
);
INSERT INTO rollup_progress DEFAULT VALUES;

-- Hours whose readings changed after they were summed up. Without a key: who adds an hour a second
-- time must neither wait for the one who adds it at this moment, nor rely on that one's row.
CREATE TABLE rollup_stale (
    series_id   integer NOT NULL,
    hour        timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX rollup_stale_by_hour ON rollup_stale (hour, series_id);

-- The watermark as a constant of the plan: only by constants TimescaleDB leaves out chunks while it
-- plans, and a year has 365. It is not immutable, but a plan that knows an older one gives the same
-- answer: what is before it stays in rollup_hours. Who lowers the watermark has to make the views
-- anew, so that such plans are forgotten.
CREATE FUNCTION rollup_watermark() RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT p.watermark FROM public.rollup_progress p);
END $$;
-- Views call it in the name of those who read them.
GRANT EXECUTE ON FUNCTION rollup_watermark TO PUBLIC;
GRANT SELECT (watermark) ON rollup_progress TO PUBLIC;

-- For statement triggers on readings, which the Apache edition has: see storage/sql/aggregates.sql.
CREATE FUNCTION note_stale_hours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_stale (series_id, hour)
    SELECT DISTINCT c.series_id, time_bucket(INTERVAL '1 hour', c.ts)
    FROM changed c
    WHERE c.ts < (SELECT frontier FROM rollup_progress);
    RETURN NULL;
END $$;

-- The rollups as tenants read them. A bucket is shown where the tenant may see the whole of it: the
-- sums of a part of one would have to be those of nobody else. DISTINCT changes nothing, but it is a
-- step that PostgreSQL plans for each series by itself, so that both its series and the times that a
-- query asks for reach the indexes.
CREATE VIEW tenant_sql.telemetry_1m AS
SELECT s.reader, r.bucket, s.device, s.metric, s.unit, r.n, r.sum / r.n AS avg, r.sum, r.min, r.max,
       r.first, r.first_ts, r.last, r.last_ts
FROM tenant_series s
CROSS JOIN LATERAL (
    SELECT DISTINCT bucket, n, sum, min, max, first, first_ts, last, last_ts
    FROM readings_1m WHERE series_id = s.series_id
) r
WHERE tstzrange(r.bucket, r.bucket + INTERVAL '1 minute') <@ s.during;

CREATE VIEW tenant_sql.telemetry_1h AS
SELECT s.reader, r.bucket, s.device, s.metric, s.unit, r.n, r.sum / r.n AS avg, r.sum, r.min, r.max,
       r.first, r.first_ts, r.last, r.last_ts
FROM tenant_series s
CROSS JOIN LATERAL (
    SELECT DISTINCT bucket, n, sum, min, max, first, first_ts, last, last_ts
    FROM readings_1h WHERE series_id = s.series_id
) r
WHERE tstzrange(r.bucket, r.bucket + INTERVAL '1 hour') <@ s.during;

CREATE VIEW tenant_sql.telemetry_1d AS
SELECT s.reader, r.bucket, s.device, s.metric, s.unit, r.n, r.sum / r.n AS avg, r.sum, r.min, r.max,
       r.first, r.first_ts, r.last, r.last_ts
FROM tenant_series s
CROSS JOIN LATERAL (
    SELECT DISTINCT bucket, n, sum, min, max, first, first_ts, last, last_ts
    FROM readings_1d WHERE series_id = s.series_id
) r
WHERE tstzrange(r.bucket, r.bucket + INTERVAL '24 hours') <@ s.during;
