-- The outbox of mails.

-- put --
INSERT INTO mails (invitation_id, reset_user_id, notice_id, content, expires_at)
VALUES (%(invitation_id)s, %(reset_user_id)s, %(notice_id)s, %(content)s, %(expires_at)s);

-- take --
-- The next mail that is due. Nobody else takes it for two minutes, in which it is sent or put off;
-- whoever is killed meanwhile leaves it to the next.
UPDATE mails SET tries = tries + 1, due_at = now() + INTERVAL '2 minutes'
WHERE id = (SELECT id FROM mails WHERE due_at <= now() ORDER BY due_at LIMIT 1
            FOR UPDATE SKIP LOCKED)
RETURNING id, invitation_id, reset_user_id, notice_id, content, tries;

-- put_off --
UPDATE mails SET due_at = now() + make_interval(secs => %(seconds)s) WHERE id = %(id)s;

-- remove --
DELETE FROM mails WHERE id = %(id)s;

-- remove_expired --
DELETE FROM mails WHERE expires_at <= now();

-- remove_of_reset --
-- Of a link that another has replaced.
DELETE FROM mails WHERE reset_user_id = %(user_id)s;

-- waiting --
SELECT count(*) AS waiting FROM mails;
