-- What the terminal shows of a running platform, and how a demo is held to account.

-- devices --
SELECT count(*) FILTER (WHERE online) AS online, count(*) AS known
FROM device_overview WHERE stage <> 'retired';

-- newest --
SELECT device, metric, unit, value FROM latest_telemetry
WHERE device = %(device)s AND value IS NOT NULL
ORDER BY metric;

-- at --
-- What a device sent with one time stamp: the newest to arrive need not be the newest of its time.
SELECT device, metric, unit, value FROM telemetry
WHERE device = %(device)s AND ts = %(ts)s
ORDER BY metric;

-- stored --
-- Readings of a device with time stamps between two others, both included.
SELECT count(*) FROM readings r JOIN series s ON s.id = r.series_id
WHERE s.device_id = %(device)s AND r.ts BETWEEN %(first)s AND %(last)s;

-- rejected --
SELECT count(*) FROM rejections WHERE device_id = ANY(%(devices)s) AND ts >= %(since)s;
