-- Rows that leave, a day at a time. `wanted` is a temporary table of whose rows they are: rank (the
-- place in the file), key, and from when until when. The days are literals, so that only their own
-- chunks are planned. OFFSET 0 keeps the windows out of the join: PostgreSQL believes that hardly any
-- row is in one, and would fetch the rows of each series by itself.

-- readings --
SELECT rank, ts, value
FROM (
    SELECT w.rank, w.start, w."end", r.ts, r.value
    FROM wanted w
    JOIN readings r ON r.series_id = w.key
    WHERE r.ts >= {start} AND r.ts < {end}
    OFFSET 0
) wide
WHERE ts >= start AND ts < "end"
ORDER BY rank, ts

-- states --
SELECT rank, ts, value::text AS value
FROM (
    SELECT w.rank, w.start, w."end", r.ts, r.value
    FROM wanted w
    JOIN states r ON r.series_id = w.key
    WHERE r.ts >= {start} AND r.ts < {end}
    OFFSET 0
) wide
WHERE ts >= start AND ts < "end"
ORDER BY rank, ts

-- flags --
SELECT rank, ts, flag
FROM (
    SELECT w.rank, w.start, w."end", r.ts, r.flag
    FROM wanted w
    JOIN flags r ON r.series_id = w.key
    WHERE r.ts >= {start} AND r.ts < {end}
    OFFSET 0
) wide
WHERE ts >= start AND ts < "end"
ORDER BY rank, ts

-- rejections --
SELECT rank, ts, topic, reason, detail, content_type, payload, size, replayed_at
FROM (
    SELECT w.rank, w.start, w."end", r.ts, r.topic, r.reason, r.detail, r.content_type, r.payload, r.size, r.replayed_at
    FROM wanted w
    JOIN rejections r ON r.device_id = w.key
    WHERE r.ts >= {start} AND r.ts < {end}
    OFFSET 0
) wide
WHERE ts >= start AND ts < "end"
ORDER BY rank, ts, topic, reason
