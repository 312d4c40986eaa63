-- Logs of batches. Values are bound by position.

-- name: add_batch
-- No row is changed, if the log has this number or a higher one; the log and the number come twice.
INSERT INTO batches (log, number, body)
SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM batches WHERE log = ? AND number >= ?);

-- name: drop_batches
DELETE FROM batches WHERE log = ? AND number < ?;
