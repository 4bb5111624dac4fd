-- Readings summed up by the minute, hour and day (in UTC). What cannot be put together from these
-- (percentiles, weighted means, deltas of counters) is asked of the readings.

CREATE VIEW readings_1m AS
SELECT series_id, time_bucket(INTERVAL '1 minute', ts) AS bucket, count(*) AS n,
       sum(value) AS sum, min(value) AS min, max(value) AS max,
       first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
FROM readings
GROUP BY series_id, bucket;

CREATE VIEW readings_1h AS
SELECT series_id, time_bucket(INTERVAL '1 hour', ts) AS bucket, count(*) AS n,
       sum(value) AS sum, min(value) AS min, max(value) AS max,
       first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
FROM readings
GROUP BY series_id, bucket;

CREATE VIEW readings_1d AS
SELECT series_id, time_bucket(INTERVAL '1 day', ts) AS bucket, count(*) AS n,
       sum(value) AS sum, min(value) AS min, max(value) AS max,
       first(value, ts) AS first, min(ts) AS first_ts, last(value, ts) AS last, max(ts) AS last_ts
FROM readings
GROUP BY series_id, bucket;
