-- The audit log: who changed what, from where and when. Written by triggers, so that no way of
-- changing something goes past it; never changed afterwards.

-- Who acts is told once in a transaction: technopark.actor, a JSON object of user_id, token_id,
-- address and request_id.
CREATE FUNCTION actor(field text) RETURNS text LANGUAGE sql STABLE
RETURN nullif(current_setting('technopark.actor', true), '')::jsonb ->> field;

CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    -- Who; NULL: no person, but a program that holds the database password. No foreign keys: the
    -- log outlives what it tells of, and never forbids a change.
    user_id     bigint DEFAULT actor('user_id')::bigint,
    token_id    bigint DEFAULT actor('token_id')::bigint,
    program     text DEFAULT nullif(current_setting('application_name'), ''),
    -- From where.
    address     text DEFAULT actor('address'),
    request_id  text DEFAULT actor('request_id'),
    -- What: the kind is the table's name in the singular.
    operation   text NOT NULL CHECK (operation IN ('created', 'changed', 'deleted')),
    kind        text NOT NULL,
    subject     text NOT NULL,
    -- Of a change, only the columns that it changed.
    before      jsonb,
    after       jsonb,
    -- Whom it concerns.
    tenants     text[] NOT NULL,
    parks       text[] NOT NULL,
    person_id   bigint
);
CREATE INDEX audit_log_by_time ON audit_log (at DESC, id DESC);
-- A part of a thing, such as a metric of a model, has the thing's id before a slash.
CREATE INDEX audit_log_by_subject ON audit_log (split_part(subject, '/', 1), kind, at DESC);
CREATE INDEX audit_log_by_user ON audit_log (user_id, at DESC);
CREATE INDEX audit_log_by_tenant ON audit_log USING gin (tenants);
CREATE INDEX audit_log_by_park ON audit_log USING gin (parks);
CREATE INDEX audit_log_by_person ON audit_log (person_id, at DESC) WHERE person_id IS NOT NULL;

-- The log is only added to. What may be taken away, forget_audit takes away.
CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    callers text;
BEGIN
    GET DIAGNOSTICS callers = PG_CONTEXT;
    IF TG_OP = 'DELETE' AND callers LIKE '%forget\_audit(%' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to; forget_audit() takes away what may be'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER only_added_to;

-- Take away what concerns a tenant whose data are deleted, or (NULL) everything, if it is older
-- than a moment. How much it was stays in the log. Returns how much.
CREATE FUNCTION forget_audit(tenant text, older_than timestamptz DEFAULT 'infinity') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM audit_log
    WHERE at < older_than AND (tenant IS NULL OR tenants @> ARRAY[tenant]);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    INSERT INTO audit_log (operation, kind, subject, before, tenants, parks)
    VALUES ('deleted', 'audit-entry', 'many', jsonb_build_object('entries', forgotten), '{}', '{}');
    RETURN forgotten;
END $$;

-- Log rows that were added (no olds), deleted (no news) or changed. Arguments of the trigger: the
-- columns that are logged, those of the primary key, and whether only the tenant is concerned.
-- A plan for each call would cost many times what the statement costs.
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    columns CONSTANT text[] := TG_ARGV[0];
    keys CONSTANT text[] := TG_ARGV[1];
    private CONSTANT boolean := TG_ARGV[2];
    operation CONSTANT text :=
        CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END;
    kind CONSTANT text := replace(regexp_replace(TG_TABLE_NAME, 's$', ''), '_', '-');
    olds jsonb[];
    news jsonb[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN news := ARRAY(SELECT to_jsonb(r) FROM added r);
        WHEN 'DELETE' THEN olds := ARRAY(SELECT to_jsonb(r) FROM deleted r);
        ELSE olds := ARRAY[to_jsonb(OLD)]; news := ARRAY[to_jsonb(NEW)];
    END CASE;
    INSERT INTO audit_log (operation, kind, subject, before, after, tenants, parks, person_id)
    SELECT operation, kind, subject, before, after, whose.tenants, place.parks, person
    FROM unnest(olds, news) AS item (was, became),
    LATERAL (
        SELECT (SELECT string_agg(coalesce(became, was) ->> key, '/') FROM unnest(keys) key) AS subject,
               (SELECT jsonb_object_agg(key, value) FROM jsonb_each(was)
                WHERE key = ANY(columns) AND (became IS NULL OR value <> became -> key)) AS before,
               (SELECT jsonb_object_agg(key, value) FROM jsonb_each(became)
                WHERE key = ANY(columns) AND (was IS NULL OR value <> was -> key)) AS after
        OFFSET 0 -- Made once, as are the lists below, and not for each place where it is used.
    ) change,
    -- What the row names, by what.
    LATERAL (
        SELECT array_agg(value) FILTER (WHERE name = 'tenant') AS tenants,
               array_agg(value) FILTER (WHERE name = 'park') AS parks,
               array_agg(value) FILTER (WHERE name = 'lab') AS labs,
               array_agg(value) FILTER (WHERE name = 'device') AS devices,
               array_agg(value) FILTER (WHERE name = 'model') AS models,
               max(value::bigint) FILTER (WHERE name = 'user' AND value ~ '^[0-9]{1,18}$') AS person
        FROM (
            SELECT value,
                   CASE key WHEN 'id' THEN kind
                   ELSE substring(key FROM '(tenant|park|lab|device|model|user)_id$') END AS name
            FROM (SELECT * FROM jsonb_each_text(became)
                  UNION ALL SELECT * FROM jsonb_each_text(before)) AS field (key, value)
            WHERE key LIKE '%id' AND value IS NOT NULL
            OFFSET 0
        ) id
    ) named,
    -- One look-up for each: by the primary key, also before the tables were ever analysed.
    LATERAL (
        SELECT array_remove(ARRAY(
            SELECT unnest(named.tenants)
            UNION SELECT (SELECT tenant_id FROM devices WHERE id = d) FROM unnest(named.devices) d
            UNION SELECT (SELECT tenant_id FROM models WHERE id = m) FROM unnest(named.models) m
        ), NULL) AS tenants
        OFFSET 0
    ) whose,
    LATERAL (
        SELECT array_remove(ARRAY(
            SELECT unnest(named.parks)
            UNION SELECT (SELECT park_id FROM labs WHERE id = l) FROM unnest(named.labs) l
                  WHERE NOT private
            UNION SELECT (SELECT park_id FROM tenants WHERE id = t) FROM unnest(whose.tenants) t
                  WHERE NOT private
        ), NULL) AS parks
    ) place;
    RETURN NULL;
END $$;

-- Log every change of a table from now on. Call it again after a column was added.
-- What is never logged: secrets, tokens and their hashes, whatever table they are in; and what
-- changes by itself, such as what a device says, so that ingest is not held up. private: for
-- those of the tenant alone, not for its park.
CREATE FUNCTION audited(relation regclass, private boolean DEFAULT false,
                        unlogged text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    columns text[];
    keys text[];
    call text;
BEGIN
    SELECT array_agg(attname ORDER BY attnum) INTO columns
    FROM pg_attribute
    WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
      AND atttypid NOT IN ('bytea'::regtype, 'tsvector'::regtype)
      AND attname !~ '(hash|sha256|secret|password|digest|totp|token$)'
      AND attname <> ALL ('{attributes, attributes_at, changed_at, last_used_at, offered_at}')
      AND attname <> ALL (unlogged);
    SELECT array_agg(a.attname ORDER BY place) INTO keys
    FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS part (attnum, place), pg_attribute a
    WHERE i.indrelid = relation AND i.indisprimary
      AND a.attrelid = relation AND a.attnum = part.attnum;
    IF keys IS NULL THEN
        RAISE EXCEPTION '% has no primary key, by which the log could name its rows', relation;
    END IF;
    call := format('EXECUTE FUNCTION audit(%L, %L, %L)', columns, keys, private);
    EXECUTE format('CREATE OR REPLACE TRIGGER audited AFTER INSERT ON %s
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT %s', relation, call);
    -- What goes along with its parent is told by the parent's deletion.
    EXECUTE format('CREATE OR REPLACE TRIGGER audited_end AFTER DELETE ON %s
        REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT
        WHEN (pg_trigger_depth() = 0) %s', relation, call);
    EXECUTE format('CREATE OR REPLACE TRIGGER audited_change AFTER UPDATE OF %s ON %s
        FOR EACH ROW WHEN ((%s) IS DISTINCT FROM (%s)) %s',
        (SELECT string_agg(quote_ident(c), ', ') FROM unnest(columns) c), relation,
        (SELECT string_agg('OLD.' || quote_ident(c), ', ') FROM unnest(columns) c),
        (SELECT string_agg('NEW.' || quote_ident(c), ', ') FROM unnest(columns) c), call);
END $$;

REVOKE EXECUTE ON FUNCTION forget_audit, audited FROM PUBLIC;

-- A device tells its firmware as an attribute; as a column of its own its changes are logged.
ALTER TABLE devices ADD firmware text GENERATED ALWAYS AS (attributes ->> 'firmware') STORED;
-- Where it stands, if that is not plain from its lab.
ALTER TABLE devices ADD latitude double precision CHECK (latitude BETWEEN -90 AND 90);
ALTER TABLE devices ADD longitude double precision CHECK (longitude BETWEEN -180 AND 180);
-- How often a device of the model sends the metric; NULL: now and then.
ALTER TABLE model_metrics ADD expected_interval_seconds double precision
    CHECK (expected_interval_seconds > 0 AND expected_interval_seconds < 'infinity');

SELECT audited('parks'), audited('labs'), audited('tenants'), audited('models'),
       audited('model_metrics'), audited('devices'),
       audited('users', private => true), audited('memberships', private => true),
       audited('tokens', private => true), audited('device_secrets', private => true);
