-- Ownership over time: whose a device's readings are, and since when. ADR 0014.

-- Equality and overlap in one index, for the exclusion constraint of bookings.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Who owned a device when. A device has one owner at a time; the first one's period has no
-- beginning, so that readings from before its registration are somebody's too.
CREATE TABLE device_owners (
    device_id   device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    tenant_id   slug NOT NULL REFERENCES tenants,
    during      tstzrange NOT NULL CHECK (NOT isempty(during)),
    PRIMARY KEY (device_id, during)
);
CREATE UNIQUE INDEX device_owners_now ON device_owners (device_id) WHERE upper_inf(during);
CREATE INDEX device_owners_by_tenant ON device_owners (tenant_id, device_id);

INSERT INTO device_owners (device_id, tenant_id, during) SELECT id, tenant_id, '(,)' FROM devices;

CREATE FUNCTION note_first_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO device_owners (device_id, tenant_id, during) VALUES (NEW.id, NEW.tenant_id, '(,)');
    RETURN NULL;
END $$;
CREATE TRIGGER owner_began AFTER INSERT ON devices
    FOR EACH ROW EXECUTE FUNCTION note_first_owner();

-- Whoever changes a device's tenant ends one period and begins the next: the readings of before
-- stay with the old owner. The clock and not now(), which may be before the last change.
CREATE FUNCTION note_next_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
BEGIN
    UPDATE device_owners SET during = tstzrange(lower(during), moment)
    WHERE device_id = NEW.id AND upper_inf(during);
    INSERT INTO device_owners (device_id, tenant_id, during)
    VALUES (NEW.id, NEW.tenant_id, tstzrange(moment, NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER owner_changed AFTER UPDATE OF tenant_id ON devices
    FOR EACH ROW WHEN (OLD.tenant_id <> NEW.tenant_id) EXECUTE FUNCTION note_next_owner();

-- The owner lets every tenant book the device while it stands on a testbed.
ALTER TABLE devices ADD bookable boolean NOT NULL DEFAULT false;

-- Slots: what a device sends in one belongs to its tenant.
CREATE TABLE bookings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id   device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    tenant_id   slug NOT NULL REFERENCES tenants,
    during      tstzrange NOT NULL
                CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
    created_at  timestamptz NOT NULL DEFAULT now(),
    EXCLUDE USING gist (device_id WITH =, during WITH &&)
);
CREATE INDEX bookings_by_tenant ON bookings (tenant_id);

-- The times of a device that are a tenant's: its owner's, but for the slots that are booked.
CREATE VIEW shares AS
SELECT o.tenant_id, o.device_id,
       tstzmultirange(o.during) - coalesce((
           SELECT range_agg(b.during) FROM bookings b WHERE b.device_id = o.device_id
       ), '{}') AS during
FROM device_owners o
UNION ALL
SELECT tenant_id, device_id, tstzmultirange(during) FROM bookings;

-- The same with a row for each unbroken time.
CREATE VIEW holdings AS
SELECT s.tenant_id, s.device_id, part.during
FROM shares s
CROSS JOIN LATERAL unnest(s.during) AS part (during);

-- What the people of some tenants and parks hold, of all devices. A park's people have what its
-- home tenants hold; of a device in one of its labs they have all since its owner has it, slots
-- included, but nothing of earlier owners.
CREATE FUNCTION held_by(tenants text[], parks text[])
RETURNS TABLE (device_id text, during tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT s.device_id, s.during
    FROM shares s
    WHERE s.tenant_id = ANY($1 || ARRAY(SELECT t.id::text FROM tenants t WHERE t.park_id = ANY($2)))
    UNION ALL
    SELECT o.device_id, tstzmultirange(o.during)
    FROM labs l
    JOIN devices d ON d.lab_id = l.id
    JOIN device_owners o ON o.device_id = d.id AND o.tenant_id = d.tenant_id
    WHERE l.park_id = ANY($2)
$$;

-- The same of one device; everything for administrators. NULL: nothing, or no such device.
CREATE FUNCTION held(device_id text, everything bool, tenants text[], parks text[])
RETURNS tstzmultirange LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN $2
        THEN (SELECT '{(,)}'::tstzmultirange FROM devices d WHERE d.id = $1)
        ELSE (SELECT range_agg(h.during) FROM held_by($3, $4) h WHERE h.device_id = $1)
    END
$$;

-- The one place that says which readings of a device somebody may see: rows add to each other.
-- metrics NULL: all. No row: the device does not exist for him or her.
CREATE FUNCTION sight(device_id text, everything bool, tenants text[], parks text[])
RETURNS TABLE (metrics text[], during tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT NULL::text[], own.during
    FROM held($1, $2, $3, $4) AS own (during)
    WHERE own.during IS NOT NULL
$$;

-- Offers to give devices away.
CREATE TABLE transfers (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_tenant_id  slug NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- No reference: an offer must not tell whether there is such a tenant.
    to_tenant_id    slug NOT NULL CHECK (to_tenant_id <> from_tenant_id),
    with_history    boolean NOT NULL,
    message         text NOT NULL DEFAULT '',
    -- An offer that nobody answered has expired once its time is over.
    state           text NOT NULL DEFAULT 'offered'
                    CHECK (state IN ('offered', 'accepted', 'refused', 'withdrawn')),
    offered_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    answered_at     timestamptz,
    CHECK ((state = 'offered') = (answered_at IS NULL))
);
CREATE INDEX transfers_by_sender ON transfers (from_tenant_id);
CREATE INDEX transfers_by_receiver ON transfers (to_tenant_id);

-- What the receiver sees of the devices: their names as they were when they were offered.
CREATE TABLE transfer_devices (
    transfer_id bigint NOT NULL REFERENCES transfers ON DELETE CASCADE,
    device_id   device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    name        text NOT NULL,
    model       text,
    PRIMARY KEY (transfer_id, device_id)
);
CREATE INDEX transfer_devices_by_device ON transfer_devices (device_id);

-- Owners who asked for their tenant, with all its data, to be deleted.
CREATE TABLE tenant_deletions (
    tenant_id    slug PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- When an administrator began to carry it out: from then on no device of it may connect.
    started_at   timestamptz
);
