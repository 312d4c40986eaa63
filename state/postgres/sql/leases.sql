-- Leases. Every instance has its row, so there is always one to lock.

-- name: lease
-- Rows that somebody else is at work on are passed over, not waited for.
WITH free AS (
    SELECT l.workflow_id FROM leases AS l
        JOIN workflow_states AS w ON w.workflow_id = l.workflow_id
    WHERE w.status IN (SELECT json_array_elements_text(:statuses::text::json))
        AND (l.engine_id IS NULL OR l.expires_at <= :now
            OR l.engine_id IN (SELECT json_array_elements_text(:former::text::json)))
    ORDER BY w.created_at, w.workflow_id LIMIT :limit::bigint
    FOR UPDATE OF l SKIP LOCKED
)
UPDATE leases SET engine_id = :engine, epoch = leases.epoch + 1, expires_at = :until
FROM free WHERE leases.workflow_id = free.workflow_id
RETURNING leases.workflow_id;

-- name: take
-- Its holder prolongs it; another one takes it when it is free, under the next epoch.
UPDATE leases SET
    epoch = CASE WHEN engine_id = :engine AND expires_at > :now THEN epoch ELSE epoch + 1 END,
    engine_id = :engine, expires_at = :until
WHERE workflow_id = :workflow
    AND (engine_id IS NULL OR engine_id = :engine OR expires_at <= :now)
RETURNING engine_id, epoch, expires_at;

-- name: renew
UPDATE leases SET expires_at = :until
WHERE workflow_id = :workflow AND engine_id = :engine AND epoch = :epoch
RETURNING workflow_id;

-- name: release
UPDATE leases SET engine_id = NULL
WHERE workflow_id = :workflow AND engine_id = :engine AND epoch = :epoch;
