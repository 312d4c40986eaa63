-- What the writer's jobs run for leases, each job in one transaction.

-- name: free
SELECT w.workflow_id FROM workflow_states AS w
    LEFT JOIN leases AS l ON l.workflow_id = w.workflow_id
WHERE w.status IN (SELECT value FROM json_each(:statuses))
    AND (l.engine_id IS NULL OR l.expires_at <= :now
        OR l.engine_id IN (SELECT value FROM json_each(:former)))
ORDER BY w.created_at, w.workflow_id LIMIT :limit;

-- name: take
INSERT INTO leases (workflow_id, engine_id, epoch, expires_at) VALUES (:workflow, :engine, 1, :until)
ON CONFLICT (workflow_id) DO UPDATE SET
    engine_id = excluded.engine_id, epoch = leases.epoch + 1, expires_at = excluded.expires_at;

-- name: holder
-- One row, if the instance is kept; all of the lease is NULL, if it never had one.
SELECT l.engine_id, l.epoch, l.expires_at FROM workflow_states AS w
    LEFT JOIN leases AS l ON l.workflow_id = w.workflow_id
WHERE w.workflow_id = :workflow;

-- name: renew
UPDATE leases SET expires_at = :until
WHERE workflow_id = :workflow AND engine_id = :engine AND epoch = :epoch;

-- name: release
UPDATE leases SET engine_id = NULL
WHERE workflow_id = :workflow AND engine_id = :engine AND epoch = :epoch;
