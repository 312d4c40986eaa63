-- The audit log. A record's number and hash come from the head as it is in this very transaction.

-- name: add_audit
INSERT INTO audit (sequence, at, body, chain_hash)
WITH record (at, body) AS (VALUES (?, ?))
SELECT sequence + 1, at, body, audit_link(chain_hash, sequence + 1, at, body)
FROM audit_head, record;

-- name: move_audit_head
UPDATE audit_head SET (sequence, chain_hash) = (
    SELECT sequence, chain_hash FROM audit ORDER BY sequence DESC LIMIT 1
);
