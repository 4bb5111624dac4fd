-- History of many devices at once.

-- Who may see which readings of some devices: the newest values of a whole park are one question.
-- `sight`, for one device, is the same function, so that one place decides it, as before.
CREATE FUNCTION sights(devices text[], everything boolean, tenants text[], parks text[])
RETURNS TABLE (device_id text, metrics text[], during tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT d.id::text, NULL::text[], '{(,)}'::tstzmultirange
    FROM devices d
    WHERE $2 AND d.id = ANY($1)
    UNION ALL
    SELECT h.device_id, NULL, range_agg(h.during)
    FROM held_by($3, $4) h
    WHERE NOT $2 AND h.device_id = ANY($1)
    GROUP BY h.device_id
    UNION ALL
    -- What agreements show: of the times that the tenant itself may read. All metrics are named
    -- here, because NULL is for the device's own people, who see its rejections.
    SELECT s.device_id::text,
           coalesce(s.metrics, ARRAY(SELECT k.metric FROM series k WHERE k.device_id = s.device_id)),
           range_agg(s.during * h.during)
    FROM agreement_devices s
    JOIN holdings h ON h.tenant_id = s.tenant_id AND h.device_id = s.device_id
    WHERE s.device_id = ANY($1) AND (s.reader = ANY($3) OR s.reader_park_id = ANY($4))
    GROUP BY s.agreement_id, s.device_id, s.metrics
$$;

CREATE OR REPLACE FUNCTION sight(device_id text, everything boolean, tenants text[], parks text[])
RETURNS TABLE (metrics text[], during tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT s.metrics, s.during FROM sights(ARRAY[$1], $2, $3, $4) AS s
$$;
DROP FUNCTION own_sight(text, boolean, text[], text[]);
DROP FUNCTION shared_sight(text, text[], text[]);

-- Readings in the shape of a rollup, each a bucket of its own: for the ends of a time, where no
-- bucket of a rollup fits.
CREATE VIEW readings_each AS
SELECT series_id, ts AS bucket, 1 AS n, value AS sum, value AS min, value AS max,
       value AS first, ts AS first_ts, value AS last, ts AS last_ts
FROM readings;
