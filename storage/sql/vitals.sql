-- Vitals: written by ingest and the registry, and let go after a while. ADR 0027.

-- name_set --
INSERT INTO vital_sets (source, names)
SELECT %(source)s, %(names)s::text[]
WHERE NOT EXISTS (SELECT FROM vital_sets WHERE source = %(source)s AND names = %(names)s::text[])

-- write --
-- Two processes that name a set in the same moment make two; the older one is used.
INSERT INTO vitals (ts, set_id, figures)
SELECT now(), min(id), %(figures)s::float8[]
FROM vital_sets
WHERE source = %(source)s AND names = %(names)s::text[]
ON CONFLICT DO NOTHING

-- of_database --
-- The sizes include indexes, and with the Community edition what is compressed; "approximate" ones are
-- asked of open files and not of the file system, which takes half as long. A tenant can give its
-- sessions any application_name, so those are counted by their role.
SELECT pg_database_size(current_database()) AS database_bytes, stored.*, sessions.*,
       current_setting('max_connections')::int AS connections_max,
       (SELECT count(*) FROM devices) AS devices, (SELECT count(*) FROM series) AS series
FROM (
    SELECT sum(bytes) FILTER (WHERE name = 'readings') AS readings_bytes,
           sum(bytes) FILTER (WHERE name = 'states') AS states_bytes,
           sum(bytes) FILTER (WHERE name = 'flags') AS flags_bytes,
           sum(bytes) FILTER (WHERE name = 'rejections') AS rejections_bytes,
           sum(bytes) FILTER (WHERE name = 'vitals') AS vitals_bytes,
           sum(bytes) FILTER (WHERE name LIKE 'rollup%%') AS rollups_bytes,
           sum(chunks) AS chunks
    FROM (
        SELECT h.hypertable_name AS name,
               hypertable_approximate_size(
                   format('%%I.%%I', h.hypertable_schema, h.hypertable_name)::regclass) AS bytes,
               h.num_chunks AS chunks
        FROM timescaledb_information.hypertables h
        UNION ALL
        SELECT a.view_name,
               hypertable_approximate_size(
                   format('%%I.%%I', a.materialization_hypertable_schema,
                          a.materialization_hypertable_name)::regclass),
               (SELECT count(*) FROM timescaledb_information.chunks c
                WHERE c.hypertable_name = a.materialization_hypertable_name)
        FROM timescaledb_information.continuous_aggregates a
    ) hypertables
) stored
CROSS JOIN (
    SELECT count(*) AS connections,
           count(*) FILTER (WHERE class = 'ingest') AS "connections.ingest",
           count(*) FILTER (WHERE class = 'registry') AS "connections.registry",
           count(*) FILTER (WHERE class = 'grafana') AS "connections.grafana",
           count(*) FILTER (WHERE class = 'tenants') AS "connections.tenants",
           count(*) FILTER (WHERE class = 'other') AS "connections.other",
           coalesce(extract(epoch FROM max(now() - xact_start)), 0) AS oldest_transaction_seconds
    FROM (
        SELECT a.xact_start,
               CASE WHEN a.usename ~ '^t_[0-9a-f]{32}$' THEN 'tenants'
                    WHEN a.usename ~ '^([gp]_[0-9a-f]{32}|technopark_.+)$' THEN 'grafana'
                    WHEN a.application_name ~ '^technopark-ingest' THEN 'ingest'
                    WHEN a.application_name = 'technopark-registry' THEN 'registry'
                    ELSE 'other' END AS class
        FROM pg_stat_activity a
        WHERE a.backend_type = 'client backend'
    ) s
) sessions

-- let_go --
SELECT drop_chunks('vitals', older_than => now() - make_interval(days => %(days)s))

-- patience --
-- Whoever waits for a chunk that somebody reads would hold up those who come after.
SET LOCAL lock_timeout = '1s'
