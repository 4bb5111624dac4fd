-- Data that leaves and comes back: the archives that were made of tenants, and what was brought in.

CREATE TABLE archives (
    -- Named in the archive's manifest.
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id   slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    made_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX archives_by_tenant ON archives (tenant_id);

-- How far each import came, so that one that was interrupted goes on from there.
CREATE TABLE data_imports (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('archive', 'history')),
    -- The archive's id; of a history the SHA-256 of the file and of how it is read.
    source      text NOT NULL,
    -- Before the ids of the archive's devices and models.
    prefix      text NOT NULL DEFAULT '',
    -- Parts of the archive, or rows of the file, that are stored.
    done        bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (tenant_id, kind, source)
);

SELECT audited('archives', private => true),
       audited('data_imports', private => true, unlogged => '{done}');
