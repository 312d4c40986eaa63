-- The audit log, for whoever checks it.

-- name: audit
SELECT sequence, at, body, chain_hash FROM audit WHERE sequence > :after
ORDER BY sequence LIMIT :limit;

-- name: audit_head
SELECT sequence, chain_hash FROM audit_head;
