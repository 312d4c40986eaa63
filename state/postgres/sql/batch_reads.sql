-- Logs of batches.

-- name: batches
SELECT log, number, body FROM batches WHERE home = :home AND log = :log ORDER BY number;
