-- Requests that are to be done once.

-- claim --
-- False: another request holds the name, which ends with its transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || %(name)s, 0)) AS claimed;

-- kept --
SELECT fingerprint, status, answer FROM idempotency_keys
WHERE user_id = %(user_id)s AND key = %(key)s AND created_at > now() - INTERVAL '24 hours';

-- forget --
-- A few at a time, and none that another request forgets at this moment.
DELETE FROM idempotency_keys WHERE (user_id, key) IN (
    SELECT user_id, key FROM idempotency_keys
    WHERE created_at < now() - INTERVAL '24 hours'
    ORDER BY created_at
    LIMIT 10
    FOR UPDATE SKIP LOCKED);

-- keep --
-- There is a row already only where it has become too old.
INSERT INTO idempotency_keys (user_id, key, fingerprint, status, answer)
VALUES (%(user_id)s, %(key)s, %(fingerprint)s, %(status)s, %(answer)s)
ON CONFLICT (user_id, key) DO UPDATE
SET (fingerprint, status, answer, created_at)
    = (EXCLUDED.fingerprint, EXCLUDED.status, EXCLUDED.answer, now());
