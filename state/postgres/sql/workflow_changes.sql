-- What the writer runs for workflows. A guarded statement changes no row unless the lease that its
-- last three values name (workflow, engine, epoch) is in force.

-- name: save_workflow
INSERT INTO workflow_states (
    workflow_id, name, status, variables, metadata, parent,
    created_at, started_at, ended_at, error, restored_from
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (workflow_id) DO UPDATE SET
    name = excluded.name, status = excluded.status, variables = excluded.variables,
    metadata = excluded.metadata, parent = excluded.parent, created_at = excluded.created_at,
    started_at = excluded.started_at, ended_at = excluded.ended_at, error = excluded.error,
    restored_from = excluded.restored_from;

-- name: save_definition
-- Its lease begins free, so that whoever takes one finds a row to lock.
WITH free AS (
    INSERT INTO leases (workflow_id, engine_id, epoch, expires_at) VALUES ($1, NULL, 0, '')
    ON CONFLICT (workflow_id) DO NOTHING
)
INSERT INTO workflow_definitions (workflow_id, definition, inputs) VALUES ($1, $2, $3)
ON CONFLICT (workflow_id) DO UPDATE SET
    definition = excluded.definition, inputs = excluded.inputs;

-- name: update_workflow
UPDATE workflow_states SET
    name = $1, status = $2, variables = $3, metadata = $4, parent = $5,
    created_at = $6, started_at = $7, ended_at = $8, error = $9, restored_from = $10
WHERE workflow_id = $11
RETURNING 1;

-- name: update_workflow_guarded
UPDATE workflow_states SET
    name = $1, status = $2, variables = $3, metadata = $4, parent = $5,
    created_at = $6, started_at = $7, ended_at = $8, error = $9, restored_from = $10
WHERE workflow_id = $11 AND EXISTS (
    SELECT 1 FROM leases WHERE workflow_id = $12 AND engine_id = $13 AND epoch = $14 FOR SHARE
)
RETURNING 1;

-- name: move_workflow
UPDATE workflow_states SET
    status = $1, error = $2, started_at = $3, ended_at = $4, restored_from = $5
WHERE workflow_id = $6
RETURNING 1;

-- name: save_task
INSERT INTO task_states (
    workflow_id, task_id, agent_id, agent_type, status, attempt, losses, error, error_type,
    started_at, ended_at, next_attempt_at, child, log, scheduling, result
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (workflow_id, task_id) DO UPDATE SET
    agent_id = excluded.agent_id, agent_type = excluded.agent_type, status = excluded.status,
    attempt = excluded.attempt, losses = excluded.losses, error = excluded.error,
    error_type = excluded.error_type, started_at = excluded.started_at,
    ended_at = excluded.ended_at, next_attempt_at = excluded.next_attempt_at,
    child = excluded.child, log = excluded.log,
    scheduling = excluded.scheduling, result = excluded.result;

-- name: save_task_guarded
INSERT INTO task_states (
    workflow_id, task_id, agent_id, agent_type, status, attempt, losses, error, error_type,
    started_at, ended_at, next_attempt_at, child, log, scheduling, result
) SELECT
    $1, $2, $3, $4, $5, $6::bigint, $7::bigint, $8, $9, $10, $11, $12, $13, $14, $15, $16
WHERE EXISTS (
    SELECT 1 FROM leases
    WHERE workflow_id = $17 AND engine_id = $18 AND epoch = $19 FOR SHARE
)
ON CONFLICT (workflow_id, task_id) DO UPDATE SET
    agent_id = excluded.agent_id, agent_type = excluded.agent_type, status = excluded.status,
    attempt = excluded.attempt, losses = excluded.losses, error = excluded.error,
    error_type = excluded.error_type, started_at = excluded.started_at,
    ended_at = excluded.ended_at, next_attempt_at = excluded.next_attempt_at,
    child = excluded.child, log = excluded.log,
    scheduling = excluded.scheduling, result = excluded.result
RETURNING 1;

-- name: check_lease
-- Changes a row to what it is: so it is locked, and counted.
UPDATE leases SET epoch = epoch WHERE workflow_id = $1 AND engine_id = $2 AND epoch = $3
RETURNING 1;

-- name: remove_task
DELETE FROM task_states WHERE workflow_id = $1 AND task_id = $2;

-- name: add_history
-- No row is added, unless the version (given last, too) is the next one.
INSERT INTO workflow_state_history (
    workflow_id, version, at, kind, task_id, restored_from, body
) SELECT $1, $2::bigint, $3, $4, $5, $6::bigint, $7 WHERE (
    SELECT coalesce(max(version), 0) + 1 FROM workflow_state_history WHERE workflow_id = $8
) = $9::bigint
ON CONFLICT (workflow_id, version) DO NOTHING
RETURNING 1;

-- name: save_attempt
INSERT INTO task_attempts (
    workflow_id, task_id, attempt, status, started_at, ended_at, engine_id, error, error_type, log
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (workflow_id, task_id, attempt) DO UPDATE SET
    status = excluded.status, started_at = excluded.started_at, ended_at = excluded.ended_at,
    engine_id = excluded.engine_id, error = excluded.error, error_type = excluded.error_type,
    log = excluded.log;

-- name: save_handoff
INSERT INTO handoffs (
    handoff_id, workflow_id, source_task, target_task, status, created_at, changed_at, body
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (handoff_id) DO UPDATE SET
    workflow_id = excluded.workflow_id, source_task = excluded.source_task,
    target_task = excluded.target_task, status = excluded.status,
    created_at = excluded.created_at, changed_at = excluded.changed_at, body = excluded.body;

-- name: add_artifact
INSERT INTO artifacts (
    artifact_id, workflow_id, task_id, attempt, name, path, size, sha256, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: add_signal
INSERT INTO signals (workflow_id, name, key, at, body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (workflow_id, name, key) DO NOTHING;

-- name: save_schedule
INSERT INTO schedules (
    schedule_id, name, cron, zone, source, inputs, catch_up, enabled, created_at, last_at, next_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (schedule_id) DO UPDATE SET
    name = excluded.name, cron = excluded.cron, zone = excluded.zone, source = excluded.source,
    inputs = excluded.inputs, catch_up = excluded.catch_up, enabled = excluded.enabled,
    created_at = excluded.created_at, last_at = excluded.last_at, next_at = excluded.next_at;

-- name: remove_schedule
DELETE FROM schedules WHERE schedule_id = $1;

-- name: remove_workflow
DELETE FROM workflow_states WHERE workflow_id = $1;

-- name: remove_definition
DELETE FROM workflow_definitions WHERE workflow_id = $1;

-- name: remove_tasks
DELETE FROM task_states WHERE workflow_id = $1;

-- name: remove_workflow_history
DELETE FROM workflow_state_history WHERE workflow_id = $1;

-- name: remove_attempts
DELETE FROM task_attempts WHERE workflow_id = $1;

-- name: remove_handoffs
DELETE FROM handoffs WHERE workflow_id = $1;

-- name: remove_artifacts
DELETE FROM artifacts WHERE workflow_id = $1;

-- name: remove_signals
DELETE FROM signals WHERE workflow_id = $1;

-- name: remove_lease
DELETE FROM leases WHERE workflow_id = $1;
