-- Readings summed up by ten minutes. With the Apache edition they are kept of dense series only: of
-- one with a reading every ten minutes they would be larger than its readings. ADR 0031.

CREATE TABLE rollup_tens (LIKE rollup_hours);
SELECT create_hypertable('rollup_tens', by_range('bucket', INTERVAL '7 days'),
                         create_default_indexes => false);
CREATE UNIQUE INDEX rollup_tens_key ON rollup_tens (series_id, bucket);

ALTER TABLE series
    -- From here until the watermark rollup_tens has all of the series; before, its readings are asked.
    -- '-infinity': there is nothing before.
    ADD tens_since timestamptz NOT NULL DEFAULT 'infinity',
    -- Its first dense hour before that, down to which the job works.
    ADD tens_wanted timestamptz NOT NULL DEFAULT 'infinity';
CREATE INDEX series_wanting_tens ON series (id) WHERE tens_wanted < tens_since;

-- DENSE in storage/rollups.py.
UPDATE series s SET tens_wanted = d.hour
FROM (SELECT series_id, min(bucket) AS hour FROM rollup_hours WHERE n >= 30 GROUP BY series_id) d
WHERE s.id = d.series_id;

CREATE VIEW readings_10m AS
SELECT series_id, time_bucket(INTERVAL '10 minutes', ts) AS bucket, count(*) AS n,
       sum(value) AS sum, min(value) AS min, max(value) AS max,
       first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
FROM readings
GROUP BY series_id, bucket;

DO $$
DECLARE
    audience text;
BEGIN
FOREACH audience IN ARRAY ARRAY['tenant', 'park', 'operator'] LOOP
    EXECUTE replace($sql$
CREATE VIEW AUDIENCE_sql.telemetry_10m AS
SELECT s.reader, r.bucket, s.device, s.metric, s.unit, r.n, r.sum / r.n AS avg, r.sum, r.min, r.max,
       r.first, r.first_ts, r.last, r.last_ts
FROM AUDIENCE_series s
CROSS JOIN LATERAL (
    SELECT DISTINCT bucket, n, sum, min, max, first, first_ts, last, last_ts
    FROM readings_10m WHERE series_id = s.series_id
) r
WHERE tstzrange(r.bucket, r.bucket + INTERVAL '10 minutes') <@ s.during
$sql$, 'AUDIENCE', audience);
END LOOP;
END $$;
GRANT SELECT ON operator_sql.telemetry_10m TO technopark_grafana;
SELECT make_park_role(park_id) FROM park_access;
