-- What stands behind the names readings_1m, readings_10m, readings_1h and readings_1d. Both editions give them the
-- same columns, so that whoever reads them, and the views of tenants that are made of them, need not
-- know which edition it is.

-- continuous --
SELECT EXISTS (
    SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = 'rollup_1m'
);

-- roles_without_views --
-- Of tenants that lack views that came with a migration.
SELECT role FROM sql_access
WHERE (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(role::text))
    < (SELECT count(*) FROM pg_class WHERE relnamespace = 'tenant_sql'::regnamespace)

-- make_tenant_views --
SELECT make_tenant_views(%(role)s)

-- views_of_tables --
-- Apache. Minutes are always summed up from the readings: of a series with one reading a minute they
-- would be larger than the readings themselves.
CREATE OR REPLACE VIEW readings_1m AS
SELECT series_id, time_bucket(INTERVAL '1 minute', ts) AS bucket, count(*) AS n,
       sum(value) AS sum, min(value) AS min, max(value) AS max,
       first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
FROM readings
GROUP BY series_id, bucket;

CREATE OR REPLACE VIEW readings_10m AS
SELECT series_id, bucket, n, sum, min, max, first, first_ts, last, last_ts
FROM rollup_tens
WHERE bucket < rollup_watermark()
UNION ALL
SELECT series_id, time_bucket(INTERVAL '10 minutes', ts), count(*), sum(value), min(value), max(value),
       first(value, ts), min(ts), last(value, ts), max(ts)
FROM readings
WHERE ts >= rollup_watermark()
GROUP BY 1, 2
UNION ALL
-- What is not kept: of series that are not dense, and of what dense ones had before.
SELECT s.id, r.bucket, r.n, r.sum, r.min, r.max, r.first, r.first_ts, r.last, r.last_ts
FROM series s
CROSS JOIN LATERAL (
    SELECT time_bucket(INTERVAL '10 minutes', ts) AS bucket, count(*) AS n,
           sum(value) AS sum, min(value) AS min, max(value) AS max,
           first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
    FROM readings
    WHERE series_id = s.id AND ts < rollup_watermark() AND ts < s.tens_since
    GROUP BY 1
) r
WHERE s.tens_since > '-infinity';

CREATE OR REPLACE VIEW readings_1h AS
SELECT series_id, bucket, n, sum, min, max, first, first_ts, last, last_ts
FROM rollup_hours
WHERE bucket < rollup_watermark()
UNION ALL
SELECT series_id, time_bucket(INTERVAL '1 hour', ts), count(*), sum(value), min(value), max(value),
       first(value, ts), min(ts), last(value, ts), max(ts)
FROM readings
WHERE ts >= rollup_watermark()
GROUP BY 1, 2;

CREATE OR REPLACE VIEW readings_1d AS
SELECT series_id, bucket, n, sum, min, max, first, first_ts, last, last_ts
FROM rollup_days
WHERE bucket < time_bucket(INTERVAL '1 day', rollup_watermark())
UNION ALL
SELECT series_id, time_bucket(INTERVAL '1 day', bucket), sum(n)::bigint, sum(sum), min(min), max(max),
       first(first, first_ts), min(first_ts), last(last, last_ts), max(last_ts)
FROM readings_1h
WHERE bucket >= time_bucket(INTERVAL '1 day', rollup_watermark())
GROUP BY 1, 2;

UPDATE rollup_progress SET native = false WHERE native;

-- triggers --
-- Apache. Deletions are few and come from many places. Ingest, which writes all the time, notes the
-- hours of late readings by itself (storage/writer.py): a trigger would cost it a fifth.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'stale_by_delete') THEN
        RETURN;
    END IF;
    CREATE TRIGGER stale_by_delete AFTER DELETE ON readings REFERENCING OLD TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION note_stale_hours();
    CREATE TRIGGER stale_before_update AFTER UPDATE ON readings REFERENCING OLD TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION note_stale_hours();
    CREATE TRIGGER stale_after_update AFTER UPDATE ON readings REFERENCING NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION note_stale_hours();
END $$;

-- no_triggers --
-- Community. The columnstore does not go with them.
DROP TRIGGER IF EXISTS stale_by_delete ON readings;
DROP TRIGGER IF EXISTS stale_before_update ON readings;
DROP TRIGGER IF EXISTS stale_after_update ON readings;

-- aggregate_minutes --
-- Community. What comes in after the last refresh is summed up when it is asked for.
CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket(INTERVAL '1 minute', ts) AS bucket, count(*) AS n,
       sum(value) AS sum, min(value) AS min, max(value) AS max,
       first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
FROM readings
GROUP BY 1, 2
WITH NO DATA

-- aggregate_hours --
CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket(INTERVAL '1 hour', bucket) AS bucket, sum(n)::bigint AS n,
       sum(sum) AS sum, min(min) AS min, max(max) AS max,
       first(first, first_ts) AS first, min(first_ts) AS first_ts,
       last(last, last_ts) AS last, max(last_ts) AS last_ts
FROM rollup_1m
GROUP BY 1, 2
WITH NO DATA

-- aggregate_days --
CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_1d
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket(INTERVAL '1 day', bucket) AS bucket, sum(n)::bigint AS n,
       sum(sum) AS sum, min(min) AS min, max(max) AS max,
       first(first, first_ts) AS first, min(first_ts) AS first_ts,
       last(last, last_ts) AS last, max(last_ts) AS last_ts
FROM rollup_1h
GROUP BY 1, 2
WITH NO DATA

-- views_of_aggregates --
-- Community. What the job of the registry did before is not needed any more.
CREATE OR REPLACE VIEW readings_1m AS
SELECT series_id, bucket, n, sum, min, max, first, first_ts, last, last_ts FROM rollup_1m;
CREATE OR REPLACE VIEW readings_10m AS
SELECT series_id, time_bucket(INTERVAL '10 minutes', bucket) AS bucket, sum(n)::bigint AS n,
       sum(sum) AS sum, min(min) AS min, max(max) AS max,
       first(first, first_ts) AS first, min(first_ts) AS first_ts,
       last(last, last_ts) AS last, max(last_ts) AS last_ts
FROM rollup_1m
GROUP BY 1, 2;
CREATE OR REPLACE VIEW readings_1h AS
SELECT series_id, bucket, n, sum, min, max, first, first_ts, last, last_ts FROM rollup_1h;
CREATE OR REPLACE VIEW readings_1d AS
SELECT series_id, bucket, n, sum, min, max, first, first_ts, last, last_ts FROM rollup_1d;
UPDATE rollup_progress SET native = true, watermark = DEFAULT, frontier = DEFAULT, awaited = NULL;
TRUNCATE rollup_tens, rollup_hours, rollup_days, rollup_stale;
UPDATE series SET tens_since = DEFAULT, tens_wanted = DEFAULT
WHERE least(tens_since, tens_wanted) < 'infinity';

-- policies --
-- Community. A refresh takes in what has changed at any time, so late readings and deletions show
-- after it. Nothing is changed that is there.
DO $$
DECLARE
    stored record;
    aggregate record;
BEGIN
    FOR stored IN
        SELECT * FROM (VALUES
            ('readings', 'series_id', INTERVAL '7 days'), ('states', 'series_id', INTERVAL '14 days'),
            ('flags', 'series_id', INTERVAL '14 days'),
            ('rejections', 'device_id', INTERVAL '30 days')) v (name, segment, after)
        JOIN timescaledb_information.hypertables h
          ON h.hypertable_name = v.name AND NOT h.compression_enabled
    LOOP
        EXECUTE format('ALTER TABLE %I SET (timescaledb.enable_columnstore, '
                       'timescaledb.segmentby = %L, timescaledb.orderby = ''ts'')',
                       stored.name, stored.segment);
        CALL add_columnstore_policy(stored.name::regclass, after => stored.after);
    END LOOP;
    FOR aggregate IN
        SELECT * FROM (VALUES
            ('rollup_1m', INTERVAL '10 min', INTERVAL '1 min', INTERVAL '14 days'),
            ('rollup_1h', INTERVAL '1 hour', INTERVAL '5 min', INTERVAL '60 days'),
            ('rollup_1d', INTERVAL '1 day', INTERVAL '15 min', INTERVAL '400 days')
        ) v (name, fresh, every, after)
        JOIN timescaledb_information.continuous_aggregates a
          ON a.view_name = v.name AND NOT a.compression_enabled
    LOOP
        EXECUTE format('ALTER MATERIALIZED VIEW %I SET (timescaledb.enable_columnstore)',
                       aggregate.name);
        PERFORM add_continuous_aggregate_policy(
            aggregate.name::regclass, start_offset => NULL, end_offset => aggregate.fresh,
            schedule_interval => aggregate.every);
        CALL add_columnstore_policy(aggregate.name::regclass, after => aggregate.after);
    END LOOP;
END $$

-- remove_policies --
-- The first step of leaving the Community edition: nothing is put into the columnstore any more.
SELECT remove_compression_policy(name::regclass, if_exists => true)
FROM unnest('{readings, states, flags, rejections}'::text[]) AS name

-- compressed_chunk --
SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks
WHERE is_compressed AND hypertable_name IN ('readings', 'states', 'flags', 'rejections')
ORDER BY range_start LIMIT 1

-- decompress --
SELECT decompress_chunk(%(chunk)s::regclass)

-- leave_columnstore --
ALTER TABLE readings SET (timescaledb.enable_columnstore = false);
ALTER TABLE states SET (timescaledb.enable_columnstore = false);
ALTER TABLE flags SET (timescaledb.enable_columnstore = false);
ALTER TABLE rejections SET (timescaledb.enable_columnstore = false);

-- drop_aggregates --
DROP MATERIALIZED VIEW IF EXISTS rollup_1d;
DROP MATERIALIZED VIEW IF EXISTS rollup_1h;
DROP MATERIALIZED VIEW IF EXISTS rollup_1m;
