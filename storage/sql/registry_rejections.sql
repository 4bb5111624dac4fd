-- What was not stored of the devices' messages. A message is (device, arrival, topic); it has a
-- rejection for each reason.

-- device_rejections --
-- Of a payload only the beginning is shown; of the device's time, what the asker holds of it.
WITH own AS MATERIALIZED (
    SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s) AS during
)
SELECT r.id, r.ts, r.device_id, r.topic, r.reason, r.detail, r.content_type, r.size, r.replayed_at,
       substring(r.payload FOR 1024) AS payload, length(r.payload) = r.size AS whole
FROM rejections r
WHERE r.device_id = %(device_id)s
  AND r.ts >= greatest(%(start)s, (SELECT lower(during) FROM own))
  AND r.ts < least(%(end)s, (SELECT upper(during) FROM own))
  AND r.ts <@ (SELECT during FROM own)
  AND (%(reason)s::text IS NULL OR r.reason = %(reason)s)
  AND (%(replayed)s::boolean IS NULL OR (r.replayed_at IS NOT NULL) = %(replayed)s)
  AND (%(after_ts)s::timestamptz IS NULL
       OR (r.ts <= %(after_ts)s AND (r.ts, r.id) < (%(after_ts)s, %(after_id)s)))
ORDER BY r.ts DESC, r.id DESC
LIMIT %(limit)s;

-- rejections --
-- Those of all that the asker holds; administrators see those of unknown devices too.
WITH own AS MATERIALIZED (
    SELECT device_id, range_agg(during) AS during
    FROM held_by(%(tenants)s, %(parks)s)
    WHERE NOT %(everything)s
    GROUP BY device_id
)
SELECT r.id, r.ts, r.device_id, r.topic, r.reason, r.detail, r.content_type, r.size, r.replayed_at,
       substring(r.payload FOR 1024) AS payload, length(r.payload) = r.size AS whole
FROM rejections r
LEFT JOIN device_places p ON p.device = r.device_id
LEFT JOIN own ON own.device_id = r.device_id
WHERE r.ts >= %(start)s AND r.ts < %(end)s
  AND (%(everything)s OR r.ts <@ own.during)
  AND (%(tenant_id)s::text IS NULL OR p.tenant = %(tenant_id)s)
  AND (%(park_id)s::text IS NULL OR p.park = %(park_id)s)
  AND (%(reason)s::text IS NULL OR r.reason = %(reason)s)
  AND (%(replayed)s::boolean IS NULL OR (r.replayed_at IS NOT NULL) = %(replayed)s)
  AND (%(after_ts)s::timestamptz IS NULL
       OR (r.ts <= %(after_ts)s AND (r.ts, r.id) < (%(after_ts)s, %(after_id)s)))
ORDER BY r.ts DESC, r.id DESC
LIMIT %(limit)s;

-- summary --
-- For each reason how many there are, and which devices have the most of them.
WITH own AS MATERIALIZED (
    SELECT device_id, range_agg(during) AS during
    FROM held_by(%(tenants)s, %(parks)s)
    WHERE NOT %(everything)s
    GROUP BY device_id
), counted AS (
    SELECT r.reason, r.device_id, count(*) AS rejections,
           count(*) FILTER (WHERE r.replayed_at IS NULL) AS open, max(r.ts) AS newest
    FROM rejections r
    LEFT JOIN device_places p ON p.device = r.device_id
    LEFT JOIN own ON own.device_id = r.device_id
    WHERE r.ts >= %(start)s AND r.ts < %(end)s
      AND (%(everything)s OR r.ts <@ own.during)
      AND (%(tenant_id)s::text IS NULL OR p.tenant = %(tenant_id)s)
      AND (%(park_id)s::text IS NULL OR p.park = %(park_id)s)
    GROUP BY r.reason, r.device_id
)
SELECT reason, sum(rejections)::bigint AS count, sum(open)::bigint AS open, count(*) AS devices,
       max(newest) AS newest,
       to_jsonb((array_agg(jsonb_build_object('device_id', device_id, 'count', rejections)
                           ORDER BY rejections DESC, device_id))[:%(most)s]) AS most
FROM counted
GROUP BY reason
ORDER BY count DESC, reason;

-- messages --
-- The next of the asker's own messages to be replayed, the oldest first. The payload comes only of those that can be:
-- kept whole, and on one of the topics.
SELECT DISTINCT ON (ts, topic) ts, topic, content_type,
       (extract(epoch FROM ts) * 1000000)::bigint AS arrival,
       topic = ANY(%(topics)s) AS again, length(payload) = size AS whole,
       CASE WHEN topic = ANY(%(topics)s) AND length(payload) = size THEN payload END AS payload
FROM rejections
WHERE device_id = %(device_id)s AND ts >= %(start)s AND ts < %(end)s
  AND ts <@ (SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s))
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(include_replayed)s OR replayed_at IS NULL)
  AND (%(after_ts)s::timestamptz IS NULL
       OR (ts >= %(after_ts)s AND (ts, topic) > (%(after_ts)s, %(after_topic)s)))
ORDER BY ts, topic
LIMIT %(limit)s;

-- count_messages --
-- How many messages come after one.
SELECT count(*) AS messages
FROM (
    SELECT DISTINCT ts, topic
    FROM rejections
    WHERE device_id = %(device_id)s AND ts >= %(start)s AND ts < %(end)s
      AND ts <@ (SELECT held(%(device_id)s, %(everything)s, %(tenants)s, %(parks)s))
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(include_replayed)s OR replayed_at IS NULL)
      AND ts >= %(after_ts)s AND (ts, topic) > (%(after_ts)s, %(after_topic)s)
) rest;

-- refusals --
-- The rejections of some messages for whatever reason, each with how often it was refused.
SELECT id, ts, topic, refusals
FROM rejections
WHERE device_id = %(device_id)s AND ts BETWEEN %(first)s AND %(last)s
  AND (ts, topic) IN (SELECT * FROM unnest(%(ts)s::timestamptz[], %(topics)s::text[]));

-- mark_replayed --
-- What was refused again since stays open.
UPDATE rejections r SET replayed_at = clock_timestamp()
FROM unnest(%(ids)s::bigint[], %(ts)s::timestamptz[], %(refusals)s::int[])
     AS seen (id, ts, refusals)
WHERE r.device_id = %(device_id)s AND r.ts BETWEEN %(first)s AND %(last)s
  AND r.id = seen.id AND r.ts = seen.ts AND r.refusals = seen.refusals;
