-- Agreements are seen by both sides and by administrators; an offer to an e-mail address by whoever
-- has it.

-- create_agreement --
-- Without a first day it is today, by the clock of the tenant's home park. No row: the last day is
-- before that.
INSERT INTO agreements (tenant_id, reader_tenant_id, reader_park_id, reader_email, device_ids, tags,
                        model_ids, metrics, include_metadata, message, first_day, last_day,
                        history_from)
SELECT t.id, %(reader_tenant_id)s, %(reader_park_id)s, %(reader_email)s, %(device_ids)s, %(tags)s,
       %(model_ids)s, %(metrics)s, %(include_metadata)s, %(message)s, f.first_day, %(last_day)s,
       coalesce(%(history_from)s::date, f.first_day)
FROM tenants t
LEFT JOIN parks p ON p.id = t.park_id
CROSS JOIN LATERAL (
    SELECT coalesce(%(first_day)s::date,
                    (now() AT TIME ZONE coalesce(p.time_zone, 'UTC'))::date) AS first_day
) f
WHERE t.id = %(tenant_id)s AND f.first_day <= %(last_day)s
RETURNING id;

-- not_of_tenant --
-- Devices that are not the tenant's, and models that it cannot use.
SELECT ARRAY(SELECT unnest(%(device_ids)s::text[])
             EXCEPT SELECT id FROM devices WHERE tenant_id = %(tenant_id)s) AS devices,
       ARRAY(SELECT unnest(%(model_ids)s::text[])
             EXCEPT SELECT id FROM models
                    WHERE tenant_id IS NULL OR tenant_id = %(tenant_id)s) AS models;

-- agreements --
-- The newest first.
SELECT a.*
FROM agreement_states a
WHERE (%(everything)s OR a.tenant_id = ANY(%(tenants)s) OR a.reader = ANY(%(tenants)s)
       OR a.reader_park_id = ANY(%(parks)s)
       OR (a.reader_user_id IS NULL AND lower(a.reader_email) = lower(%(email)s)))
  AND (%(id)s::bigint IS NULL OR a.id = %(id)s)
  AND (%(after)s::bigint IS NULL OR a.id < %(after)s)
  AND (%(tenant_id)s::text IS NULL OR a.tenant_id = %(tenant_id)s)
  AND (%(reader_tenant_id)s::text IS NULL OR a.reader_tenant_id = %(reader_tenant_id)s)
  AND (%(reader_park_id)s::text IS NULL OR a.reader_park_id = %(reader_park_id)s)
  AND (%(state)s::text IS NULL OR a.state = %(state)s)
ORDER BY a.id DESC
LIMIT %(limit)s;

-- change_agreement --
-- No row: it is no offer any more.
UPDATE agreements a
SET (device_ids, tags, model_ids, metrics, include_metadata, message, first_day, last_day,
     history_from) = (
    SELECT n.device_ids, n.tags, n.model_ids, n.metrics, n.include_metadata, n.message, n.first_day,
           n.last_day, n.history_from
    FROM jsonb_populate_record(a, %(changes)s) n
)
WHERE a.id = %(id)s AND a.decision = 'offered'
RETURNING a.id;

-- decide --
-- No row: somebody decided otherwise in the meantime. An offer to an e-mail address becomes one to
-- the person who accepts it.
UPDATE agreements
SET decision = %(decision)s, decided_at = now(),
    reader_user_id = CASE WHEN reader_email IS NOT NULL AND %(decision)s = 'accepted'
                          THEN %(user_id)s ELSE reader_user_id END
WHERE id = %(id)s AND decision = %(before)s
RETURNING id;

-- warn --
-- Warnings that are due. A shorter agreement than the warning's days needs none: both sides know.
WITH due AS (
    INSERT INTO notices (agreement_id, days)
    SELECT a.id, w.days
    FROM agreement_terms a, unnest(%(days)s::int[]) AS w (days)
    WHERE a.decision = 'accepted' AND a.days_left BETWEEN 0 AND w.days
      AND a.last_day - a.first_day > w.days
    ON CONFLICT DO NOTHING
    RETURNING id, agreement_id
)
SELECT n.id, n.agreement_id, a.tenant_id, a.reader_tenant_id, a.reader_park_id, a.reader_email,
       a.last_day, a.ends_at AS expires_at
FROM due n
JOIN agreement_terms a ON a.id = n.agreement_id
ORDER BY n.id;

-- warned --
-- Owners of both tenants, managers of the park, or the person.
SELECT u.email, u.language
FROM users u
WHERE u.id IN (
    SELECT a.reader_user_id FROM agreements a WHERE a.id = %(agreement_id)s
    UNION
    SELECT m.user_id
    FROM agreements a
    JOIN memberships m ON m.role = 'tenant-owner'
                          AND m.tenant_id IN (a.tenant_id, a.reader_tenant_id)
                       OR m.role = 'park-manager' AND m.park_id = a.reader_park_id
    LEFT JOIN tenants t ON t.id = m.tenant_id
    LEFT JOIN parks p ON p.id = coalesce(m.park_id, t.park_id)
    WHERE a.id = %(agreement_id)s
      AND (m.until IS NULL OR m.until >= (now() AT TIME ZONE coalesce(p.time_zone, 'UTC'))::date))
ORDER BY u.id;

-- notices --
SELECT n.id, n.agreement_id, n.days, n.created_at, a.tenant_id, a.reader_tenant_id,
       a.reader_park_id, a.reader_email, a.last_day
FROM notices n
JOIN agreements a ON a.id = n.agreement_id
WHERE (%(everything)s OR a.tenant_id = ANY(%(tenants)s) OR a.reader = ANY(%(tenants)s)
       OR a.reader_park_id = ANY(%(parks)s))
  AND (%(after)s::bigint IS NULL OR n.id < %(after)s)
ORDER BY n.id DESC
LIMIT %(limit)s;
