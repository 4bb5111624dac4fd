-- The secrets of devices. Valid: not revoked, not past its end, of a device that is not retired.

-- lock_device --
-- Rotations of one device go one after the other.
SELECT id FROM devices WHERE id = %(device_id)s FOR NO KEY UPDATE;

-- end_valid_secrets --
UPDATE device_secrets
SET expires_at = least(expires_at, now() + %(overlap)s)
WHERE device_id = %(device_id)s AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > now());

-- issue_secret --
-- No row: as many as allowed are valid already.
INSERT INTO device_secrets (device_id, hash)
SELECT %(device_id)s::device_name, %(hash)s
WHERE (SELECT count(*) FROM device_secrets
       WHERE device_id = %(device_id)s AND revoked_at IS NULL
         AND (expires_at IS NULL OR expires_at > now())) < %(allowed)s
RETURNING id, device_id, created_at, expires_at, revoked_at;

-- secrets --
SELECT id, device_id, created_at, expires_at, revoked_at FROM device_secrets
WHERE device_id = %(device_id)s AND (%(after)s::bigint IS NULL OR id > %(after)s)
ORDER BY id
LIMIT %(limit)s;

-- revoke_secret --
UPDATE device_secrets SET revoked_at = coalesce(revoked_at, now())
WHERE id = %(id)s AND device_id = %(device_id)s
RETURNING id;

-- valid_hashes --
SELECT s.hash FROM device_secrets s
JOIN devices d ON d.id = s.device_id
WHERE s.device_id = %(device_id)s AND d.stage <> 'retired' AND s.revoked_at IS NULL
  AND (s.expires_at IS NULL OR s.expires_at > now());

-- broker_entries --
-- What the broker is given: one valid secret for each device, the one that was offered last, else
-- the oldest, which the running device has. ADR 0004. As one text, in the order of ids: 100,000
-- rows would keep Python from everything else. A salt has 12 bytes, a digest 64: in base64 16 and
-- 88 letters; counted by the pattern itself they would take 5 s.
WITH chosen AS (
    SELECT DISTINCT ON (s.device_id) s.device_id, s.hash,
           s.hash ~ '^\$7\$[1-9][0-9]*\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+==$'
               AND length(split_part(s.hash, '$', 4)) = 16
               AND length(split_part(s.hash, '$', 5)) = 88 AS sound
    FROM device_secrets s
    JOIN devices d ON d.id = s.device_id
    WHERE d.stage <> 'retired' AND s.revoked_at IS NULL
      AND (s.expires_at IS NULL OR s.expires_at > now())
    ORDER BY s.device_id, s.offered_at DESC NULLS LAST, s.id
)
SELECT coalesce(string_agg(device_id || ':' || hash || E'\n', '' ORDER BY device_id)
                FILTER (WHERE sound), '') AS lines,
       count(*) FILTER (WHERE NOT sound) AS malformed
FROM chosen;

-- next_expiry --
-- Seconds until a secret ends; NULL where none will.
SELECT extract(epoch FROM min(expires_at) - clock_timestamp())::float8 AS seconds
FROM device_secrets
WHERE revoked_at IS NULL AND expires_at > now();

-- offer_next_secret --
-- For each of the devices with several valid secrets: the one whose turn is longest past.
UPDATE device_secrets
SET offered_at = clock_timestamp()
WHERE id IN (
    SELECT DISTINCT ON (device_id) id
    FROM (
        SELECT s.id, s.device_id, s.offered_at, count(*) OVER (PARTITION BY s.device_id) AS valid,
               row_number() OVER (PARTITION BY s.device_id
                                  ORDER BY s.offered_at DESC NULLS LAST, s.id) AS turn
        FROM device_secrets s
        WHERE s.device_id = ANY(%(devices)s) AND s.revoked_at IS NULL
          AND (s.expires_at IS NULL OR s.expires_at > now())
    ) candidates
    WHERE valid > 1
    ORDER BY device_id, turn DESC
)
RETURNING device_id;
