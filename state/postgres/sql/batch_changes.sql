-- Logs of batches. Values are bound by position; the engine's home comes last.

-- name: add_batch
-- No row is changed, if the log has this number or a higher one; the log and the number come twice.
INSERT INTO batches (log, number, body, home)
SELECT $1::text, $2::bigint, $3::text, $6::text WHERE NOT EXISTS (
    SELECT 1 FROM batches WHERE home = $6::text AND log = $4::text AND number >= $5::bigint
);

-- name: drop_batches
DELETE FROM batches WHERE log = $1 AND number < $2 AND home = $3;
