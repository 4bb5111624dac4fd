-- copy_readings --
COPY readings (series_id, ts, value) FROM STDIN (FORMAT binary)

-- create_staging --
CREATE TEMPORARY TABLE IF NOT EXISTS staging (LIKE readings)

-- copy_staging --
COPY staging (series_id, ts, value) FROM STDIN (FORMAT binary)

-- insert_staged --
INSERT INTO readings SELECT * FROM staging ON CONFLICT DO NOTHING

-- empty_staging --
TRUNCATE staging

-- note_newest_readings --
-- A late reading never replaces a newer one. Rows come in order of the key, so that two writers
-- lock them in the same order.
INSERT INTO latest (series_id, ts, value)
SELECT series, to_timestamp(0) + ts * interval '1 microsecond', value
FROM unnest(%(series)s::int[], %(ts)s::bigint[], %(value)s::float8[]) AS newest (series, ts, value)
ON CONFLICT (series_id) DO UPDATE
SET ts = excluded.ts, value = excluded.value, state = NULL
WHERE latest.ts < excluded.ts
