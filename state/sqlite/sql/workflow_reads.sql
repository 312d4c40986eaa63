-- What readers run for workflows. Columns come in the order that workflow_rows.py expects.

-- name: instance
-- The workflow first, then its tasks, in one statement and so as of one moment.
SELECT 0 AS part, 0 AS place,
    w.workflow_id, w.name, w.status, w.variables, w.metadata, w.parent,
    w.created_at, w.started_at, w.ended_at, w.error, w.restored_from,
    coalesce((SELECT max(h.version) FROM workflow_state_history AS h
        WHERE h.workflow_id = w.workflow_id), 0),
    l.engine_id, l.epoch, l.expires_at, d.definition, d.inputs
FROM workflow_states AS w
    LEFT JOIN workflow_definitions AS d ON d.workflow_id = w.workflow_id
    LEFT JOIN leases AS l ON l.workflow_id = w.workflow_id
WHERE w.workflow_id = :workflow
UNION ALL
SELECT 1, place,
    workflow_id, task_id, agent_id, agent_type, status, attempt, losses, error, error_type,
    started_at, ended_at, next_attempt_at, child, log, scheduling, result, NULL
FROM task_states WHERE workflow_id = :workflow
ORDER BY 1, 2;

-- name: workflow
SELECT
    w.workflow_id, w.name, w.status, w.variables, w.metadata, w.parent,
    w.created_at, w.started_at, w.ended_at, w.error, w.restored_from,
    coalesce((SELECT max(h.version) FROM workflow_state_history AS h
        WHERE h.workflow_id = w.workflow_id), 0),
    l.engine_id, l.epoch, l.expires_at, d.definition, d.inputs
FROM workflow_states AS w
    LEFT JOIN workflow_definitions AS d ON d.workflow_id = w.workflow_id
    LEFT JOIN leases AS l ON l.workflow_id = w.workflow_id
WHERE w.workflow_id = :workflow;

-- name: workflows
-- Without those that are one handler's work on a payload.
SELECT
    w.workflow_id, w.name, w.status, w.variables, w.metadata, w.parent,
    w.created_at, w.started_at, w.ended_at, w.error, w.restored_from,
    coalesce((SELECT max(h.version) FROM workflow_state_history AS h
        WHERE h.workflow_id = w.workflow_id), 0),
    l.engine_id, l.epoch, l.expires_at, '', ''
FROM workflow_states AS w LEFT JOIN leases AS l ON l.workflow_id = w.workflow_id
WHERE (:since IS NULL OR w.created_at >= :since)
    AND (:statuses IS NULL OR w.status IN (SELECT value FROM json_each(:statuses)))
    AND (:name IS NULL OR w.name = :name)
    AND (w.parent IS NULL OR w.parent NOT LIKE 'payload/%/%')
ORDER BY w.created_at DESC, w.workflow_id DESC LIMIT :limit;

-- name: child_workflows
SELECT
    w.workflow_id, w.name, w.status, w.variables, w.metadata, w.parent,
    w.created_at, w.started_at, w.ended_at, w.error, w.restored_from,
    coalesce((SELECT max(h.version) FROM workflow_state_history AS h
        WHERE h.workflow_id = w.workflow_id), 0),
    l.engine_id, l.epoch, l.expires_at, '', ''
FROM workflow_states AS w LEFT JOIN leases AS l ON l.workflow_id = w.workflow_id
WHERE w.parent = :parent
    AND (:since IS NULL OR w.created_at >= :since)
    AND (:statuses IS NULL OR w.status IN (SELECT value FROM json_each(:statuses)))
    AND (:name IS NULL OR w.name = :name)
ORDER BY w.created_at DESC, w.workflow_id DESC LIMIT :limit;

-- name: workflow_counts
SELECT status, count(*) FROM workflow_states GROUP BY status;

-- name: tasks
SELECT
    workflow_id, task_id, agent_id, agent_type, status, attempt, losses, error, error_type,
    started_at, ended_at, next_attempt_at, child, log, scheduling, result
FROM task_states WHERE workflow_id = :workflow ORDER BY place;

-- name: task
SELECT
    workflow_id, task_id, agent_id, agent_type, status, attempt, losses, error, error_type,
    started_at, ended_at, next_attempt_at, child, log, scheduling, result
FROM task_states WHERE workflow_id = :workflow AND task_id = :task;

-- name: task_counts
SELECT workflow_id, status, count(*) FROM task_states
WHERE workflow_id IN (SELECT value FROM json_each(:workflows))
GROUP BY workflow_id, status;

-- name: attempts
SELECT
    workflow_id, task_id, attempt, status, started_at, ended_at, engine_id, error, error_type, log
FROM task_attempts WHERE workflow_id = :workflow AND (:task IS NULL OR task_id = :task)
ORDER BY ended_at, task_id, attempt;

-- name: changes
SELECT workflow_id, version, at, kind, task_id, restored_from, body
FROM workflow_state_history
WHERE workflow_id = :workflow AND version > :after AND version <= :upto
ORDER BY version LIMIT :limit;

-- name: version
SELECT coalesce(max(version), 0) FROM workflow_state_history WHERE workflow_id = :workflow;

-- name: unchanged
SELECT (
    SELECT coalesce(max(version), 0) FROM workflow_state_history WHERE workflow_id = :workflow
) = :version AND NOT EXISTS (SELECT 1 FROM signals WHERE workflow_id = :workflow);

-- name: whole_version
SELECT coalesce(max(version), 0) FROM workflow_state_history
WHERE workflow_id = :workflow AND version <= :upto AND kind IN ('created', 'rollback');

-- name: handoffs
SELECT handoff_id, workflow_id, source_task, target_task, status, created_at, changed_at, body
FROM handoffs WHERE workflow_id = :workflow ORDER BY created_at, handoff_id;

-- name: artifacts
SELECT artifact_id, workflow_id, task_id, attempt, name, path, size, sha256, created_at
FROM artifacts WHERE workflow_id = :workflow ORDER BY created_at, artifact_id;

-- name: signals
SELECT workflow_id, name, key, at, body
FROM signals WHERE workflow_id = :workflow ORDER BY at, name, key;

-- name: schedules
SELECT
    schedule_id, name, cron, zone, source, inputs, catch_up, enabled, created_at, last_at, next_at
FROM schedules ORDER BY name, schedule_id;
