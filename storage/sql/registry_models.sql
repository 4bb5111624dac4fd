-- Models: those without a tenant are offered to everybody. A reader by an agreement sees those of the
-- devices, with the metrics that it shows.

-- create_model --
WITH added AS (
    INSERT INTO models (id, tenant_id, name, description)
    VALUES (%(id)s, %(tenant_id)s, %(name)s, %(description)s)
    RETURNING *
), metrics AS (
    INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, maximum, out_of_range,
                               expected_interval_seconds)
    SELECT added.id, m.metric, m.kind, m.unit, m.minimum, m.maximum, m.out_of_range,
           m.expected_interval_seconds
    FROM added, jsonb_to_recordset(%(metrics)s)
        AS m (metric text, kind text, unit text, minimum float8, maximum float8,
              out_of_range text, expected_interval_seconds float8)
)
SELECT *, %(metrics)s AS metrics FROM added;

-- models --
SELECT m.*, t.park_id, coalesce(x.metrics, '[]') AS metrics
FROM models m
CROSS JOIN LATERAL (SELECT (SELECT park_id FROM tenants WHERE id = m.tenant_id) AS park_id) t
LEFT JOIN shared_models(%(tenants)s, %(parks)s) s ON s.model_id = m.id
CROSS JOIN LATERAL (
    SELECT m.tenant_id IS NULL OR %(everything)s OR m.tenant_id = ANY(%(tenants)s)
           OR coalesce(t.park_id = ANY(%(parks)s), false) AS own
) o
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(k) - 'model_id' ORDER BY k.metric) AS metrics
    FROM model_metrics k
    WHERE k.model_id = m.id AND (o.own OR s.metrics IS NULL OR k.metric = ANY(s.metrics))
) x ON true
WHERE (o.own OR s.model_id IS NOT NULL)
  AND (%(id)s::text IS NULL OR m.id = %(id)s)
  AND (%(tenant_id)s::text IS NULL OR m.tenant_id = %(tenant_id)s)
  AND (%(after)s::text IS NULL OR m.id > %(after)s)
  AND (%(longest)s::text IS NULL OR searched(m.id || ' ' || m.name) LIKE %(longest)s)
  AND (%(patterns)s::text[] IS NULL OR searched(m.id || ' ' || m.name) LIKE ALL(%(patterns)s))
ORDER BY m.id
LIMIT %(limit)s;

-- change_model --
UPDATE models m
SET (name, description) = (
    SELECT n.name, n.description FROM jsonb_populate_record(m, %(changes)s) n
)
WHERE m.id = %(id)s;

-- forget_metrics --
-- Those that are not among the given ones.
DELETE FROM model_metrics
WHERE model_id = %(id)s
  AND metric NOT IN (SELECT m.metric FROM jsonb_to_recordset(%(metrics)s) AS m (metric text));

-- set_metrics --
INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, maximum, out_of_range,
                           expected_interval_seconds)
SELECT %(id)s, m.metric, m.kind, m.unit, m.minimum, m.maximum, m.out_of_range,
       m.expected_interval_seconds
FROM jsonb_to_recordset(%(metrics)s)
    AS m (metric text, kind text, unit text, minimum float8, maximum float8, out_of_range text,
          expected_interval_seconds float8)
ON CONFLICT (model_id, metric) DO UPDATE
SET kind = excluded.kind, unit = excluded.unit, minimum = excluded.minimum,
    maximum = excluded.maximum, out_of_range = excluded.out_of_range,
    expected_interval_seconds = excluded.expected_interval_seconds;
