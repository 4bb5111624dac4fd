-- The audit log, which triggers write (migration 0005).

-- act --
-- Who acts in this transaction.
SELECT set_config('technopark.actor', %(actor)s, true);

-- entries --
-- What concerns the asker, the newest first: his or her tenants and parks, what he or she did
-- himself, and what was done about him or her. An empty list is left out of the plan: PostgreSQL
-- would take it for one that finds much.
SELECT a.id, a.at, a.user_id, u.name AS user_name, a.token_id, a.program, a.address, a.request_id,
       a.operation, a.kind, a.subject, a.before, a.after
FROM audit_log a
LEFT JOIN users u ON u.id = a.user_id
WHERE (%(everything)s
       OR (cardinality(%(tenants)s::text[]) > 0 AND a.tenants && %(tenants)s::text[])
       OR (cardinality(%(parks)s::text[]) > 0 AND a.parks && %(parks)s::text[])
       OR a.user_id = %(asker)s OR a.person_id = %(asker)s)
  AND (%(tenant_id)s::text IS NULL OR a.tenants @> ARRAY[%(tenant_id)s::text])
  AND (%(park_id)s::text IS NULL OR a.parks @> ARRAY[%(park_id)s::text])
  AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
  AND (%(subject)s::text IS NULL OR split_part(a.subject, '/', 1) = %(subject)s)
  AND (%(user_id)s::bigint IS NULL OR a.user_id = %(user_id)s)
  AND (%(start)s::timestamptz IS NULL OR a.at >= %(start)s)
  AND (%(end)s::timestamptz IS NULL OR a.at < %(end)s)
  AND (%(after_at)s::timestamptz IS NULL
       OR (a.at <= %(after_at)s AND (a.at, a.id) < (%(after_at)s, %(after_id)s)))
ORDER BY a.at DESC, a.id DESC
LIMIT %(limit)s;

-- history --
-- What became of a thing, the newest first; not what happened to it while it concerned others.
SELECT a.id, a.at, a.operation, a.kind, a.subject, a.before, a.after
FROM audit_log a
WHERE split_part(a.subject, '/', 1) = %(subject)s AND a.kind = ANY(%(kinds)s)
  AND (%(everything)s OR a.tenants = '{}'
       OR a.tenants && %(tenants)s::text[] OR a.parks && %(parks)s::text[])
  AND (%(after_at)s::timestamptz IS NULL
       OR (a.at <= %(after_at)s AND (a.at, a.id) < (%(after_at)s, %(after_id)s)))
ORDER BY a.at DESC, a.id DESC
LIMIT %(limit)s;
