-- Commands to devices: who may send one now, what was sent, what was answered.

-- holder --
-- Whose the device is at this moment: its owner's, or the tenant's of the slot that runs.
SELECT h.tenant_id::text, d.stage
FROM holdings h
JOIN devices d ON d.id = h.device_id
WHERE h.device_id = %(device_id)s AND h.during @> now();

-- add --
-- No row: so many are on their way already.
INSERT INTO commands (device_id, name, params, sent_by, expires_at)
SELECT %(device_id)s::text, %(name)s, %(params)s, %(sent_by)s::bigint,
       now() + make_interval(secs => %(ttl)s)
WHERE %(most)s > (SELECT count(*) FROM commands
                  WHERE device_id = %(device_id)s AND outcome IS NULL AND expires_at > now())
RETURNING *, 'sent' AS status;

-- commands --
-- Of a device, the newest first; what was sent while the asker held it.
SELECT c.* FROM command_states c
WHERE c.device_id = %(device_id)s
  AND c.sent_at <@ (SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s))
  AND (%(id)s::text IS NULL OR c.id = %(id)s)
  AND (%(after_ts)s::timestamptz IS NULL
       OR (c.sent_at, c.id) < (%(after_ts)s, %(after_id)s))
ORDER BY c.sent_at DESC, c.id DESC
LIMIT %(limit)s;

-- note_undelivered --
UPDATE commands SET outcome = 'undelivered', reason = %(reason)s
WHERE id = %(id)s AND outcome IS NULL;

-- note_replies --
-- The first answer to a command of this very device counts, also of several in one batch.
UPDATE commands c
SET outcome = answer.outcome, reason = answer.reason, reply = answer.reply, replied_at = now()
FROM (
    SELECT DISTINCT ON (id, device_id) id, device_id, outcome, reason, reply
    FROM unnest(%(ids)s::text[], %(devices)s::text[], %(outcomes)s::text[], %(reasons)s::text[],
                %(replies)s::text[]::jsonb[]) WITH ORDINALITY
         AS given (id, device_id, outcome, reason, reply, number)
    ORDER BY id, device_id, number
) answer
WHERE c.id = answer.id AND c.device_id = answer.device_id AND c.replied_at IS NULL
RETURNING c.id;
