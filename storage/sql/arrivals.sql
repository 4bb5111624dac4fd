-- add --
-- Rows in the order of the key, so that two workers lock them in the same order. A series that is
-- gone meanwhile is passed over.
INSERT INTO arrivals (series_id, day, class, readings)
SELECT s.id, (to_timestamp(n.quarter::bigint * 900) AT TIME ZONE z.zone)::date, n.class,
       sum(n.readings)::bigint
FROM unnest(%(series)s::int[], %(quarter)s::int[], %(class)s::smallint[], %(readings)s::bigint[])
     AS n (series, quarter, class, readings)
JOIN series s ON s.id = n.series
JOIN device_zones z ON z.device_id = s.device_id
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
ON CONFLICT (series_id, day, class) DO UPDATE
SET readings = arrivals.readings + excluded.readings
