-- One row each, until the transaction ends. What refers to the row may still be added.

-- parks --
SELECT FROM parks WHERE id = %(id)s FOR NO KEY UPDATE;

-- labs --
SELECT FROM labs WHERE id = %(id)s FOR NO KEY UPDATE;

-- tenants --
SELECT FROM tenants WHERE id = %(id)s FOR NO KEY UPDATE;

-- users --
SELECT FROM users WHERE id::text = %(id)s FOR NO KEY UPDATE;

-- models --
SELECT FROM models WHERE id = %(id)s FOR NO KEY UPDATE;

-- devices --
SELECT FROM devices WHERE id = %(id)s FOR NO KEY UPDATE;

-- agreements --
SELECT FROM agreements WHERE id::text = %(id)s FOR NO KEY UPDATE;

-- tenant_deletions --
SELECT FROM tenant_deletions WHERE tenant_id = %(id)s FOR NO KEY UPDATE;
