-- Commands to devices, and what they answered. ADR 0029.

CREATE TABLE commands (
    -- The command id of the contract: in the topic, and in the answer's.
    id          text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    device_id   device_name NOT NULL REFERENCES devices ON DELETE CASCADE,
    name        text NOT NULL,
    params      jsonb NOT NULL,
    sent_at     timestamptz NOT NULL DEFAULT now(),
    sent_by     bigint REFERENCES users ON DELETE SET NULL,
    -- Until then the broker keeps it for a device that is away.
    expires_at  timestamptz NOT NULL,
    -- What became of it, as far as that is known. An answer counts whatever was thought before.
    outcome     text CHECK (outcome IN ('done', 'refused', 'undelivered')),
    reason      text,
    replied_at  timestamptz,
    reply       jsonb,
    CHECK (expires_at > sent_at),
    CHECK ((replied_at IS NOT NULL) = coalesce(outcome IN ('done', 'refused'), false))
);
CREATE INDEX commands_by_device ON commands (device_id, sent_at DESC, id DESC);
CREATE INDEX commands_waiting ON commands (device_id, expires_at) WHERE outcome IS NULL;
CREATE INDEX commands_by_sender ON commands (sent_by);

-- It looks at the clock: nothing has to run for a command to expire.
CREATE VIEW command_states AS
SELECT c.*, coalesce(c.outcome, CASE WHEN c.expires_at <= now() THEN 'expired' ELSE 'sent' END)
       AS status
FROM commands c;

-- Those of the tenant's own times; never by an agreement.
CREATE VIEW tenant_sql.commands AS
SELECT h.reader, c.sent_at AS ts, c.device_id AS device, c.id AS command, c.name, c.params, c.status,
       c.replied_at, c.reply, c.reason
FROM (
    SELECT tenant_id::text AS reader, device_id, range_agg(during) AS during
    FROM holdings
    GROUP BY tenant_id, device_id
) h
JOIN command_states c ON c.device_id = h.device_id AND c.sent_at <@ h.during;

-- Parks and operators see which, when and what became of it.
CREATE VIEW park_sql.commands AS
SELECT w.reader, c.sent_at AS ts, w.device, c.id AS command, c.name, c.status, c.replied_at, c.reason
FROM park_spans w
JOIN command_states c ON c.device_id = w.device AND c.sent_at <@ w.during;
CREATE VIEW operator_sql.commands AS
SELECT 'operators'::text AS reader, sent_at AS ts, device_id::text AS device, id AS command, name,
       status, replied_at, reason
FROM command_states;
GRANT SELECT ON operator_sql.commands TO technopark_grafana;
SELECT make_park_role(park_id) FROM park_access;
