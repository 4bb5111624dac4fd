-- The audit log of what people change in the tables that came after it.

-- The log leaves out every changed_at; of a password its moment is all that there is to log.
ALTER TABLE passwords RENAME changed_at TO set_at;

-- Which tenants may read with SQL, and since when by the password that they have now. The password
-- itself is only with their roles, which no trigger watches.
CREATE TABLE sql_passwords (
    tenant_id  slug PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    set_at     timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sql_passwords (tenant_id)
SELECT x.tenant_id FROM sql_access x JOIN pg_roles r ON r.rolname = x.role WHERE r.rolcanlogin;

-- Columns that came with other migrations. The parks of a device follow from its tenant and its lab,
-- whose change is logged.
SELECT audited('devices', unlogged => '{home_park_id, lab_park_id}');
SELECT audited('tokens', private => true);

-- How many devices a key has made grows by itself: each of them is logged.
SELECT audited('provisioning_keys', unlogged => '{made}');
-- A code is as good as a device's secret.
SELECT audited('claim_codes', private => true);
SELECT audited('bookings'), audited('tenant_deletions');
SELECT audited('sql_passwords', private => true);

-- What tenants offer to each other is for both of them, and not for their parks; a park that is the
-- reader of an agreement is one of the two.
SELECT audited('transfers', private => true), audited('transfer_devices', private => true),
       audited('agreements', private => true, unlogged => '{reader}');

-- Identity is for the person alone; an invitation for its tenant, or its park.
SELECT audited('passwords', private => true), audited('password_resets', private => true),
       audited('sessions', private => true), audited('provider_identities', private => true),
       audited('invitations', private => true);
-- The step of the last code changes with every sign-in.
SELECT audited('authenticators', private => true, unlogged => '{last_step}');
