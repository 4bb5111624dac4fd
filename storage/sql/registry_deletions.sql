-- The deletion of a tenant with all its data, in steps that nobody has to wait for.

-- request --
INSERT INTO tenant_deletions (tenant_id) VALUES (%(tenant_id)s)
ON CONFLICT DO NOTHING;

-- deletion --
SELECT r.tenant_id, r.requested_at, r.started_at,
       (SELECT count(*) FROM devices d WHERE d.tenant_id = r.tenant_id) AS devices
FROM tenant_deletions r
WHERE r.tenant_id = %(tenant_id)s;

-- withdraw --
DELETE FROM tenant_deletions WHERE tenant_id = %(tenant_id)s AND started_at IS NULL
RETURNING tenant_id;

-- start --
-- No row: it was started before.
UPDATE tenant_deletions SET started_at = now()
WHERE tenant_id = %(tenant_id)s AND started_at IS NULL
RETURNING tenant_id;

-- revoke_secrets --
UPDATE device_secrets SET revoked_at = now()
WHERE revoked_at IS NULL
  AND device_id IN (SELECT id FROM devices WHERE tenant_id = %(tenant_id)s);

-- forget_people --
-- Those who have no role elsewhere, are not invited to one, and read by no agreement with another
-- tenant: nothing is left for which the platform would need to know them.
SELECT forget_person(u.id)
FROM users u
WHERE u.id IN (SELECT m.user_id FROM memberships m WHERE m.tenant_id = %(tenant_id)s)
  AND NOT EXISTS (
      SELECT FROM memberships m
      WHERE m.user_id = u.id AND m.tenant_id IS DISTINCT FROM %(tenant_id)s
        -- Whatever the clock of the park says.
        AND (m.until IS NULL OR m.until >= current_date - 1))
  AND NOT EXISTS (
      SELECT FROM invitations i
      WHERE lower(i.email) = lower(u.email) AND i.tenant_id IS DISTINCT FROM %(tenant_id)s
        AND i.accepted_at IS NULL AND i.expires_at > now())
  AND NOT EXISTS (
      SELECT FROM agreements a
      WHERE (a.reader_user_id = u.id OR lower(a.reader_email) = lower(u.email))
        AND a.tenant_id <> %(tenant_id)s
        AND a.decision IN ('offered', 'accepted') AND a.last_day >= current_date - 1);

-- end_memberships --
DELETE FROM memberships WHERE tenant_id = %(tenant_id)s;

-- settled --
-- Whether devices that were on line at the start are put out, and what they sent is stored.
SELECT started_at < now() - %(settling)s AS settled FROM tenant_deletions
WHERE tenant_id = %(tenant_id)s;

-- next_parts --
-- The tenant's devices with all their time, then what it holds of other tenants' devices.
(SELECT d.id AS device_id, true AS own, '{(,)}'::tstzmultirange AS during
 FROM devices d WHERE d.tenant_id = %(tenant_id)s
 ORDER BY d.id LIMIT %(limit)s)
UNION ALL
(SELECT s.device_id, false, range_agg(s.during)
 FROM shares s
 JOIN devices d ON d.id = s.device_id
 WHERE s.tenant_id = %(tenant_id)s AND d.tenant_id <> s.tenant_id
 GROUP BY s.device_id LIMIT %(limit)s)
LIMIT %(limit)s;

-- series --
SELECT id FROM series WHERE device_id = %(device_id)s ORDER BY id;

-- last_readings --
-- The time of the last of the oldest rows from start until before end, as many as "rows" says. It is
-- asked for before they go: the columnstore unpacks what lies between constants, but with a query in
-- their place, or planned for whatever parameters come, all of the chunk.
SELECT max(ts) AS last FROM (
    SELECT ts FROM readings
    WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts LIMIT %(rows)s) oldest;

-- delete_readings --
DELETE FROM readings WHERE series_id = %(series)s AND ts >= %(start)s AND ts <= %(last)s;

-- last_states --
SELECT max(ts) AS last FROM (
    SELECT ts FROM states
    WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts LIMIT %(rows)s) oldest;

-- delete_states --
DELETE FROM states WHERE series_id = %(series)s AND ts >= %(start)s AND ts <= %(last)s;

-- last_flags --
SELECT max(ts) AS last FROM (
    SELECT ts FROM flags
    WHERE series_id = %(series)s AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts LIMIT %(rows)s) oldest;

-- delete_flags --
DELETE FROM flags WHERE series_id = %(series)s AND ts >= %(start)s AND ts <= %(last)s;

-- last_rejections --
SELECT max(ts) AS last FROM (
    SELECT ts FROM rejections
    WHERE device_id = %(device_id)s AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts LIMIT %(rows)s) oldest;

-- delete_rejections --
DELETE FROM rejections WHERE device_id = %(device_id)s AND ts >= %(start)s AND ts <= %(last)s;

-- delete_device --
-- What else there is of a device goes with it.
DELETE FROM devices WHERE id = %(device_id)s AND tenant_id = %(tenant_id)s;

-- forget_latest --
DELETE FROM latest l USING series s
WHERE s.id = l.series_id AND s.device_id = %(device_id)s AND l.ts <@ %(during)s;

-- forget_commands --
DELETE FROM commands WHERE device_id = %(device_id)s AND sent_at <@ %(during)s;

-- forget_slots --
DELETE FROM bookings WHERE device_id = %(device_id)s AND tenant_id = %(tenant_id)s;

-- forget_ownership --
DELETE FROM device_owners WHERE device_id = %(device_id)s AND tenant_id = %(tenant_id)s;

-- forget_offers --
DELETE FROM transfers WHERE to_tenant_id = %(tenant_id)s;

-- delete_tenant --
-- What else there is of a tenant goes with it.
DELETE FROM tenants WHERE id = %(tenant_id)s;

-- forget_audit --
-- The last: the log tells of every deletion above.
SELECT forget_audit(%(tenant_id)s);
