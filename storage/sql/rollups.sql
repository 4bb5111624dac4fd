-- The job that keeps rollup_tens, rollup_hours and rollup_days, in small transactions: ADRs 0019, 0031.

-- take_turn --
-- The first statement of each of its transactions. No row: another process is at it. "settled" is
-- whether everybody who may not know the frontier has ended; what they wrote can be seen from now on.
-- A number from the future is that of another server, from which the database was restored.
SELECT watermark, frontier, native,
       coalesce(awaited < pg_snapshot_xmax(pg_current_snapshot()), false) AS asked,
       coalesce(awaited <= pg_snapshot_xmin(pg_current_snapshot()), false) AS settled
FROM rollup_progress
FOR UPDATE SKIP LOCKED;

-- announce --
-- Move the frontier, once the watermark has reached it. Not beyond what has come in: after an hour
-- without the database ingest is an hour behind, and all that it writes would be late.
UPDATE rollup_progress p SET frontier = due.frontier, awaited = NULL
FROM (
    SELECT time_bucket(INTERVAL '1 hour',
                       least(now(), (SELECT max(ts) FROM latest)) - %(settling)s) AS frontier
) due
WHERE p.frontier < due.frontier;

-- ask --
-- In a transaction after that of "announce": everybody who began to write before has a lower number.
UPDATE rollup_progress SET awaited = pg_current_xact_id();

-- next_readings --
-- The first moment from the watermark on at which there may be readings, where there is one.
SELECT greatest(range_start, %(watermark)s) AS start
FROM timescaledb_information.chunks
WHERE hypertable_name = 'readings' AND range_end > %(watermark)s AND range_start < %(frontier)s
ORDER BY range_start
LIMIT 1;

-- next_series --
SELECT id FROM series WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- sum_up_hours --
-- Of some series, from start until before end. What is not there any more is taken away.
WITH fresh AS MATERIALIZED (
    SELECT s.series_id, h.*
    FROM unnest(%(series)s::int[]) AS s (series_id)
    CROSS JOIN LATERAL (
        SELECT time_bucket(INTERVAL '1 hour', ts) AS bucket, count(*) AS n,
               sum(value), min(value), max(value),
               first(value, ts), min(ts) AS first_ts, last(value, ts), max(ts) AS last_ts
        FROM readings
        WHERE series_id = s.series_id AND ts >= %(start)s AND ts < %(end)s
        GROUP BY 1
    ) h
), gone AS (
    DELETE FROM rollup_hours old
    WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s
      AND NOT EXISTS (
          SELECT FROM fresh f WHERE f.series_id = old.series_id AND f.bucket = old.bucket)
)
INSERT INTO rollup_hours
SELECT * FROM fresh
ON CONFLICT (series_id, bucket) DO UPDATE
SET n = excluded.n, sum = excluded.sum, min = excluded.min, max = excluded.max,
    first = excluded.first, first_ts = excluded.first_ts,
    last = excluded.last, last_ts = excluded.last_ts;

-- begin_tens --
-- Of some series of which no ten minutes are kept: begin with this time, if an hour of it is dense.
-- Nothing of it is behind the watermark yet.
UPDATE series s
SET tens_since = CASE WHEN EXISTS (
        SELECT FROM rollup_hours h WHERE h.series_id = s.id AND h.bucket < %(start)s
    ) THEN %(start)s ELSE '-infinity' END
WHERE id = ANY(%(series)s) AND tens_since = 'infinity' AND EXISTS (
    SELECT FROM rollup_hours h
    WHERE h.series_id = s.id AND h.bucket >= %(start)s AND h.bucket < %(end)s AND h.n >= %(dense)s);

-- want_tens --
-- Of some series: note their first dense hour, where no ten minutes of it are kept.
UPDATE series s SET tens_wanted = d.hour
FROM (
    SELECT series_id, min(bucket) AS hour FROM rollup_hours
    WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s AND n >= %(dense)s
    GROUP BY series_id
) d
WHERE s.id = d.series_id AND d.hour < least(s.tens_since, s.tens_wanted);

-- last_wanted --
-- The last day of which ten minutes have to be kept and are not.
SELECT time_bucket(INTERVAL '1 day',
                   max(least(tens_since, %(watermark)s)) - INTERVAL '1 microsecond') AS day
FROM series WHERE tens_wanted < tens_since;

-- extend_tens --
-- Keep those of that day, of some of the series. The first of all their hours ends it.
UPDATE series s
SET tens_since = CASE WHEN EXISTS (
        SELECT FROM rollup_hours h
        WHERE h.series_id = s.id AND h.bucket < greatest(%(day)s, s.tens_wanted)
    ) THEN greatest(%(day)s, s.tens_wanted) ELSE '-infinity' END
WHERE id = ANY(ARRAY(
    SELECT id FROM series
    WHERE tens_wanted < tens_since AND least(tens_since, %(watermark)s) > %(day)s
    ORDER BY id
    LIMIT %(limit)s))
RETURNING id;

-- forget_some_tens --
DELETE FROM rollup_tens
WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s;

-- sum_up_tens --
-- After that: of those of the series that are dense.
INSERT INTO rollup_tens
SELECT s.id, t.*
FROM series s
CROSS JOIN LATERAL (
    SELECT time_bucket(INTERVAL '10 minutes', ts) AS bucket, count(*), sum(value), min(value),
           max(value), first(value, ts), min(ts), last(value, ts), max(ts)
    FROM readings
    WHERE series_id = s.id AND ts >= %(start)s AND ts >= s.tens_since AND ts < %(end)s
    GROUP BY 1
) t
WHERE s.id = ANY(%(series)s) AND s.tens_since < %(end)s;

-- sum_up_days --
-- Of some series, from their hours; start and end are those of days.
WITH fresh AS MATERIALIZED (
    SELECT series_id, time_bucket(INTERVAL '1 day', bucket) AS bucket, sum(n) AS n,
           sum(sum) AS sum, min(min) AS min, max(max) AS max,
           first(first, first_ts) AS first, min(first_ts) AS first_ts,
           last(last, last_ts) AS last, max(last_ts) AS last_ts
    FROM rollup_hours
    WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s
    GROUP BY 1, 2
), gone AS (
    DELETE FROM rollup_days old
    WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s
      AND NOT EXISTS (
          SELECT FROM fresh f WHERE f.series_id = old.series_id AND f.bucket = old.bucket)
)
INSERT INTO rollup_days
SELECT * FROM fresh
ON CONFLICT (series_id, bucket) DO UPDATE
SET n = excluded.n, sum = excluded.sum, min = excluded.min, max = excluded.max,
    first = excluded.first, first_ts = excluded.first_ts,
    last = excluded.last, last_ts = excluded.last_ts;

-- move_watermark --
UPDATE rollup_progress SET watermark = %(end)s WHERE watermark = %(watermark)s;

-- oldest_stale --
SELECT time_bucket(INTERVAL '1 day', min(hour)) AS day FROM rollup_stale;

-- take_stale --
-- Some of the stale hours of a day. Rows of transactions that have not ended stay for another turn.
WITH taken AS (
    DELETE FROM rollup_stale
    WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM rollup_stale
        WHERE hour >= %(day)s AND hour < %(day)s + INTERVAL '1 day'
        ORDER BY hour, series_id
        LIMIT %(limit)s))
    RETURNING series_id, hour
)
SELECT array_agg(DISTINCT series_id) AS series, min(hour) AS start,
       max(hour) + INTERVAL '1 hour' AS end
FROM taken;

-- lag --
-- From the last hour that is summed up to the newest reading, and how many hours of series wait to be
-- summed up anew. TimescaleDB gives its own watermark in µs since 1970; before its first refresh it
-- is older than any time.
SELECT CASE WHEN newest.series > 0 THEN
           greatest(extract(epoch FROM newest.ts - done.hour), 0) ELSE 0 END AS seconds,
       (SELECT count(*) FROM (SELECT FROM rollup_stale LIMIT 1000000) s) AS stale
FROM rollup_progress p
LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.user_view_name = 'rollup_1h'
CROSS JOIN LATERAL (
    SELECT CASE WHEN a.user_view_name IS NULL THEN p.watermark
           ELSE to_timestamp(greatest(
               _timescaledb_functions.cagg_watermark(a.mat_hypertable_id), 0) / 1000000.0) END AS hour
) done
CROSS JOIN LATERAL (
    SELECT least(now(), max(ts)) AS ts, count(*) AS series FROM latest
) newest;

-- forget_tens --
DELETE FROM rollup_tens WHERE bucket >= %(start)s AND bucket < %(end)s;

-- forget_hours --
DELETE FROM rollup_hours WHERE bucket >= %(start)s AND bucket < %(end)s;

-- forget_days --
DELETE FROM rollup_days WHERE bucket >= %(start)s AND bucket < %(end)s;

-- forget_stale --
DELETE FROM rollup_stale WHERE hour >= %(start)s AND hour < %(end)s;
