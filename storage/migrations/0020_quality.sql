-- Data quality: what cannot be told from the readings themselves. ADR 0023.

-- The zone in which a device's days begin: that of its lab's park, else of its tenant's home.
CREATE VIEW device_zones AS
SELECT d.id AS device_id, coalesce(p.time_zone, 'UTC') AS zone
FROM devices d
LEFT JOIN parks p ON p.id = coalesce(d.lab_park_id, d.home_park_id);

-- How many readings of a day (in the device's zone) came how long after their time. The class is the
-- number of a class of delays, storage/arrivals.py; -1: the reading was there before.
CREATE TABLE arrivals (
    series_id   integer NOT NULL REFERENCES series ON DELETE CASCADE,
    day         date NOT NULL,
    class       smallint NOT NULL,
    readings    bigint NOT NULL,
    PRIMARY KEY (series_id, day, class)
) WITH (fillfactor = 70);

-- When devices came and went, by their status topic; device_activity has only what is now.
CREATE TABLE device_statuses (
    device_id   device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    ts          timestamptz NOT NULL,
    online      boolean NOT NULL,
    PRIMARY KEY (device_id, ts)
);
