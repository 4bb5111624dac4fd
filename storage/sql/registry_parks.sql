-- Parks and their labs: public places, which everybody who is signed in may read.

-- create_park --
-- AT TIME ZONE refuses a zone that this database does not know; every day of a role depends on it.
INSERT INTO parks (id, name, time_zone, latitude, longitude, language)
VALUES (%(id)s, %(name)s, %(time_zone)s, %(latitude)s, %(longitude)s, %(language)s)
RETURNING *, now() AT TIME ZONE time_zone AS local_time;

-- parks --
SELECT * FROM parks
WHERE %(after)s::text IS NULL OR id > %(after)s
ORDER BY id
LIMIT %(limit)s;

-- park --
SELECT * FROM parks WHERE id = %(id)s;

-- change_park --
-- jsonb_populate_record keeps what the changes do not name, and takes a null as one.
UPDATE parks p
SET (name, time_zone, latitude, longitude, language) = (
    SELECT n.name, n.time_zone, n.latitude, n.longitude, n.language
    FROM jsonb_populate_record(p, %(changes)s) n
)
WHERE p.id = %(id)s
RETURNING *, now() AT TIME ZONE time_zone AS local_time;

-- create_lab --
INSERT INTO labs (id, park_id, name, kind)
VALUES (%(id)s, %(park_id)s, %(name)s, %(kind)s)
RETURNING *;

-- labs --
SELECT * FROM labs
WHERE (%(after)s::text IS NULL OR id > %(after)s)
  AND (%(park_id)s::text IS NULL OR park_id = %(park_id)s)
ORDER BY id
LIMIT %(limit)s;

-- lab --
SELECT * FROM labs WHERE id = %(id)s;

-- change_lab --
UPDATE labs l
SET (name, kind) = (SELECT n.name, n.kind FROM jsonb_populate_record(l, %(changes)s) n)
WHERE l.id = %(id)s
RETURNING *;
