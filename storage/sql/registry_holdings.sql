-- Whose a device's readings are, and when.

-- holdings --
-- In the order of devices and times; a time without a beginning comes first.
SELECT h.device_id, lower(h.during) AS start, upper(h.during) AS "end"
FROM holdings h
WHERE h.tenant_id = %(tenant_id)s
  AND (%(device_id)s::text IS NULL OR h.device_id = %(device_id)s)
  AND (%(after_device)s::text IS NULL
       OR (h.device_id, coalesce(lower(h.during), '-infinity'))
          > (%(after_device)s, coalesce(%(after_ts)s::timestamptz, '-infinity')))
ORDER BY h.device_id, lower(h.during) NULLS FIRST
LIMIT %(limit)s;
