-- Of what tenants are alerted, and how; secrets come and go encrypted, and are never read here.

-- settings --
-- Without a row the defaults, which are those of the table.
SELECT t.id AS tenant_id,
       CASE WHEN a.tenant_id IS NULL THEN 60 ELSE a.silent_minutes END AS silent_minutes,
       coalesce(a.out_of_range, true) AS out_of_range,
       CASE WHEN a.tenant_id IS NULL THEN 5 ELSE a.rejected_percent END AS rejected_percent,
       CASE WHEN a.tenant_id IS NULL THEN 80 ELSE a.complete_percent END AS complete_percent,
       coalesce(a.emails, '{}') AS emails, a.telegram_chat,
       a.telegram_token IS NOT NULL AS has_telegram_token, a.webhook_url IS NOT NULL AS has_webhook
FROM tenants t
LEFT JOIN alert_settings a ON a.tenant_id = t.id
WHERE t.id = %(tenant_id)s;

-- make --
INSERT INTO alert_settings (tenant_id) VALUES (%(tenant_id)s) ON CONFLICT DO NOTHING;

-- change --
-- Secrets are parameters of their own: JSON has no bytes.
UPDATE alert_settings a
SET (silent_minutes, out_of_range, rejected_percent, complete_percent, emails, telegram_chat) = (
        SELECT n.silent_minutes, n.out_of_range, n.rejected_percent, n.complete_percent, n.emails,
               n.telegram_chat
        FROM jsonb_populate_record(a, %(changes)s) n
    ),
    telegram_token = CASE WHEN %(sets_token)s THEN %(telegram_token)s ELSE telegram_token END,
    webhook_url = CASE WHEN %(sets_webhook)s THEN %(webhook_url)s ELSE webhook_url END
WHERE tenant_id = %(tenant_id)s;
