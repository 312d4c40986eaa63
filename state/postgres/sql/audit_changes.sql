-- The audit log. A record's number and hash come from the head as it is in this very transaction.

-- name: add_audit
-- The hash is over the JSON of the list of the one before, the number, the time and the body.
WITH head AS (
    INSERT INTO audit_head AS kept (home, sequence, chain_hash) VALUES (
        $3::text, 1,
        encode(sha256(convert_to(
            '["' || repeat('0', 64) || '",1,"' || $1::text || '",' || $2::text || ']', 'UTF8'
        )), 'hex')
    )
    ON CONFLICT (home) DO UPDATE SET
        sequence = kept.sequence + 1,
        chain_hash = encode(sha256(convert_to(
            '["' || kept.chain_hash || '",' || (kept.sequence + 1) || ',"' || $1::text || '",'
                || $2::text || ']', 'UTF8'
        )), 'hex')
    RETURNING sequence, chain_hash
)
INSERT INTO audit (home, sequence, at, body, chain_hash)
SELECT $3::text, head.sequence, $1::text, $2::text, head.chain_hash FROM head;
