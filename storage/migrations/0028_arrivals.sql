-- How readings of a day came, asked by the series: the same rows as in 0023. There the days of all series
-- of the platform were summed up before those of the reader were chosen, since PostgreSQL takes no
-- condition of a join into a sum.
DO $$
DECLARE
    audience record;
BEGIN
FOR audience IN
    SELECT * FROM (VALUES ('tenant_sql', 'tenant_series'), ('park_sql', 'park_series'),
                          ('operator_sql', 'operator_series')) v (schema, series)
LOOP
    -- Classes from 56 on are late, and those below 32 came before their time: storage/arrivals.py, to
    -- which a test holds these numbers.
    EXECUTE format($sql$
CREATE OR REPLACE VIEW %1$I.arrivals AS
SELECT s.reader, s.device, s.metric, a.day, a.readings, a.late, a.ahead, a.duplicates
FROM %2$I s
JOIN device_zones z ON z.device_id = s.device
CROSS JOIN LATERAL (
    SELECT day,
           coalesce(sum(readings) FILTER (WHERE class >= 0), 0)::bigint AS readings,
           coalesce(sum(readings) FILTER (WHERE class >= 56), 0)::bigint AS late,
           coalesce(sum(readings) FILTER (WHERE class BETWEEN 0 AND 31), 0)::bigint AS ahead,
           coalesce(sum(readings) FILTER (WHERE class = -1), 0)::bigint AS duplicates
    FROM arrivals
    WHERE series_id = s.series_id
    GROUP BY day
) a
-- A day counts for those who may see the whole of it.
WHERE tstzrange(a.day::timestamp AT TIME ZONE z.zone, (a.day + 1)::timestamp AT TIME ZONE z.zone)
      <@ s.during
$sql$, audience.schema, audience.series);
END LOOP;
END $$;

DROP VIEW arrival_days;
