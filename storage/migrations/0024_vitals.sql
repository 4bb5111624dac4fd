-- Vitals: how ingest, the registry, the broker and the database are, for the operators. ADR 0027.

-- What a source tells, and in which order. One that tells something else, a newer version for example,
-- has another row from then on.
CREATE TABLE vital_sets (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source   text NOT NULL,
    names    text[] NOT NULL
);

-- The figures of a source at a moment, in the order of the names: a row for each figure would take
-- twenty times the room.
CREATE TABLE vitals (
    ts       timestamptz NOT NULL,
    set_id   integer NOT NULL,
    figures  double precision[] NOT NULL
);
SELECT create_hypertable('vitals', by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
CREATE UNIQUE INDEX vitals_key ON vitals (set_id, ts);

-- A row for each figure after all, for whoever asks. Only the places of the names that are asked for
-- are looked at.
CREATE VIEW vitals_overview AS
SELECT v.ts, s.source, n.name, v.figures[n.place] AS value
FROM vital_sets s
CROSS JOIN LATERAL unnest(s.names) WITH ORDINALITY AS n (name, place)
JOIN vitals v ON v.set_id = s.id;

-- The database as it was looked at last: no row where that is too long ago to be true.
CREATE VIEW database_overview AS
SELECT newest.ts, f.name, f.value
FROM (
    SELECT v.ts, s.names, v.figures
    FROM vital_sets s
    JOIN vitals v ON v.set_id = s.id
    WHERE s.source = 'database' AND v.ts > now() - INTERVAL '10 minutes'
    ORDER BY v.ts DESC
    LIMIT 1
) newest
CROSS JOIN LATERAL unnest(newest.names, newest.figures) AS f (name, value);

GRANT SELECT ON vitals_overview, database_overview TO technopark_grafana;
