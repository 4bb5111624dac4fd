-- copy_readings --
COPY readings (series_id, ts, value) FROM STDIN (FORMAT binary)

-- create_staging --
CREATE TEMPORARY TABLE IF NOT EXISTS staging (LIKE readings)

-- copy_staging --
COPY staging (series_id, ts, value) FROM STDIN (FORMAT binary)

-- insert_staged --
-- Only what is stored now is flagged: of two readings with one key the first counts.
WITH stored AS (
    INSERT INTO readings SELECT * FROM staging ON CONFLICT DO NOTHING RETURNING series_id, ts
), flagged AS (
    INSERT INTO flags (series_id, ts, flag)
    SELECT series_id, ts, CASE WHEN above THEN 'above-range' ELSE 'below-range' END
    FROM unnest(%(series)s::int[], %(ts)s::bigint[], %(above)s::bool[])
         AS outside (series, at, above)
    JOIN stored ON series_id = series AND ts = to_timestamp(0) + at * interval '1 microsecond'
    ORDER BY series_id, ts
    ON CONFLICT DO NOTHING
)
SELECT series_id, (extract(epoch FROM ts) * 1000000)::bigint FROM stored

-- empty_staging --
TRUNCATE staging

-- store_flags --
INSERT INTO flags (series_id, ts, flag)
SELECT series, to_timestamp(0) + at * interval '1 microsecond',
       CASE WHEN above THEN 'above-range' ELSE 'below-range' END
FROM unnest(%(series)s::int[], %(ts)s::bigint[], %(above)s::bool[]) AS outside (series, at, above)
ON CONFLICT DO NOTHING

-- note_newest_readings --
-- A late reading never replaces a newer one. Rows come in order of the key, so that two writers
-- lock them in the same order. It gives the frontier of the rollups, in µs since 1970: asked after the
-- readings were written, see ADR 0019.
WITH noted AS (
    INSERT INTO latest (series_id, ts, value)
    SELECT series, to_timestamp(0) + ts * interval '1 microsecond', value
    FROM unnest(%(series)s::int[], %(ts)s::bigint[], %(value)s::float8[])
         AS newest (series, ts, value)
    ON CONFLICT (series_id) DO UPDATE
    SET ts = excluded.ts, value = excluded.value, state = NULL
    WHERE latest.ts < excluded.ts
)
SELECT (extract(epoch FROM frontier) * 1000000)::bigint FROM rollup_progress

-- note_stale_hours --
INSERT INTO rollup_stale (series_id, hour)
SELECT series, to_timestamp(0) + hour * interval '1 hour'
FROM unnest(%(series)s::int[], %(hours)s::bigint[]) AS late (series, hour)
