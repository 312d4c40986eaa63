-- The audit log, for whoever checks it.

-- name: audit
SELECT sequence, at, body, chain_hash FROM audit WHERE home = :home AND sequence > :after::bigint
ORDER BY sequence LIMIT :limit::bigint;

-- name: audit_head
SELECT sequence, chain_hash FROM audit_head WHERE home = :home;
