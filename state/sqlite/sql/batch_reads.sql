-- Logs of batches.

-- name: batches
SELECT log, number, body FROM batches WHERE log = :log ORDER BY number;
