-- Mails that wait to be sent, the language of people, and people who have left.

-- Of the mails; NULL: not known, and English.
ALTER TABLE users ADD language text CHECK (language IN ('en', 'id'));
ALTER TABLE invitations ADD language text CHECK (language IN ('en', 'id'));
SELECT audited('users', private => true), audited('invitations', private => true);

-- The outbox: a mail is written in the transaction of what it tells of, sent after that, and
-- deleted when the mail server has it. It goes with what it tells of.
CREATE TABLE mails (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invitation_id  bigint REFERENCES invitations ON DELETE CASCADE,
    reset_user_id  bigint REFERENCES password_resets ON DELETE CASCADE,
    notice_id      bigint REFERENCES notices ON DELETE CASCADE,
    -- Address and text, encrypted by the registry, whose key is not in the database: a link is as
    -- good as a password.
    content        bytea NOT NULL,
    tries          integer NOT NULL DEFAULT 0,
    due_at         timestamptz NOT NULL DEFAULT now(),
    -- After that nobody has any use for it.
    expires_at     timestamptz NOT NULL,
    CHECK (num_nonnulls(invitation_id, reset_user_id, notice_id) = 1)
);
CREATE INDEX mails_by_time ON mails (due_at);
CREATE INDEX mails_by_invitation ON mails (invitation_id);
CREATE INDEX mails_by_reset ON mails (reset_user_id);
CREATE INDEX mails_by_notice ON mails (notice_id);

-- The log is only added to. What may be taken away, forget_audit and forget_person take away.
CREATE OR REPLACE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    callers text;
BEGIN
    GET DIAGNOSTICS callers = PG_CONTEXT;
    IF TG_OP = 'DELETE'
       AND (callers LIKE '%forget\_audit(%' OR callers LIKE '%forget\_person(%') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to; forget_audit() takes away what may be'
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- Delete a user with all that is about him or her alone, in the log too. What he or she did to
-- things of others stays there, under a number that is nobody's any more.
CREATE FUNCTION forget_person(person bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM users WHERE id = person;
    DELETE FROM audit_log WHERE person_id = person AND tenants = '{}' AND parks = '{}';
    INSERT INTO audit_log (operation, kind, subject, tenants, parks)
    VALUES ('deleted', 'user', person::text, '{}', '{}');
END $$;
REVOKE EXECUTE ON FUNCTION forget_person FROM PUBLIC;
