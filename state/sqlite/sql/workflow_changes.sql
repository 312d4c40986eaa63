-- What the writer runs for workflows. A guarded statement changes no row unless the lease that its
-- last three values name (workflow, engine, epoch) is in force.

-- name: save_workflow
INSERT INTO workflow_states (
    workflow_id, name, status, variables, metadata, parent,
    created_at, started_at, ended_at, error, restored_from
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (workflow_id) DO UPDATE SET
    name = excluded.name, status = excluded.status, variables = excluded.variables,
    metadata = excluded.metadata, parent = excluded.parent, created_at = excluded.created_at,
    started_at = excluded.started_at, ended_at = excluded.ended_at, error = excluded.error,
    restored_from = excluded.restored_from;

-- name: save_definition
INSERT INTO workflow_definitions (workflow_id, definition, inputs) VALUES (?, ?, ?)
ON CONFLICT (workflow_id) DO UPDATE SET
    definition = excluded.definition, inputs = excluded.inputs;

-- name: update_workflow
UPDATE workflow_states SET
    name = ?, status = ?, variables = ?, metadata = ?, parent = ?,
    created_at = ?, started_at = ?, ended_at = ?, error = ?, restored_from = ?
WHERE workflow_id = ?;

-- name: update_workflow_guarded
UPDATE workflow_states SET
    name = ?, status = ?, variables = ?, metadata = ?, parent = ?,
    created_at = ?, started_at = ?, ended_at = ?, error = ?, restored_from = ?
WHERE workflow_id = ? AND EXISTS (
    SELECT 1 FROM leases WHERE workflow_id = ? AND engine_id = ? AND epoch = ?
);

-- name: move_workflow
UPDATE workflow_states SET status = ?, error = ?, started_at = ?, ended_at = ?, restored_from = ?
WHERE workflow_id = ?;

-- name: save_task
INSERT INTO task_states (
    workflow_id, task_id, agent_id, agent_type, status, attempt, losses, error, error_type,
    started_at, ended_at, next_attempt_at, child, log, scheduling, result
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (
    SELECT 1 FROM leases WHERE workflow_id = ? AND engine_id = ? AND epoch = ?
)
ON CONFLICT (workflow_id, task_id) DO UPDATE SET
    agent_id = excluded.agent_id, agent_type = excluded.agent_type, status = excluded.status,
    attempt = excluded.attempt, losses = excluded.losses, error = excluded.error,
    error_type = excluded.error_type, started_at = excluded.started_at,
    ended_at = excluded.ended_at, next_attempt_at = excluded.next_attempt_at,
    child = excluded.child, log = excluded.log,
    scheduling = excluded.scheduling, result = excluded.result;

-- name: check_lease
-- Changes a row to what it is: so it is locked, and counted.
UPDATE leases SET epoch = epoch WHERE workflow_id = ? AND engine_id = ? AND epoch = ?;

-- name: remove_task
DELETE FROM task_states WHERE workflow_id = ? AND task_id = ?;

-- name: add_history
-- No row is added, unless the version (given last, too) is the next one.
INSERT INTO workflow_state_history (
    workflow_id, version, at, kind, task_id, restored_from, body
) SELECT ?, ?, ?, ?, ?, ?, ? WHERE (
    SELECT coalesce(max(version), 0) + 1 FROM workflow_state_history WHERE workflow_id = ?
) = ?
ON CONFLICT (workflow_id, version) DO NOTHING;

-- name: save_attempt
INSERT INTO task_attempts (
    workflow_id, task_id, attempt, status, started_at, ended_at, engine_id, error, error_type, log
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (workflow_id, task_id, attempt) DO UPDATE SET
    status = excluded.status, started_at = excluded.started_at, ended_at = excluded.ended_at,
    engine_id = excluded.engine_id, error = excluded.error, error_type = excluded.error_type,
    log = excluded.log;

-- name: save_handoff
INSERT INTO handoffs (
    handoff_id, workflow_id, source_task, target_task, status, created_at, changed_at, body
) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (handoff_id) DO UPDATE SET
    workflow_id = excluded.workflow_id, source_task = excluded.source_task,
    target_task = excluded.target_task, status = excluded.status,
    created_at = excluded.created_at, changed_at = excluded.changed_at, body = excluded.body;

-- name: add_artifact
INSERT INTO artifacts (
    artifact_id, workflow_id, task_id, attempt, name, path, size, sha256, created_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_signal
INSERT INTO signals (workflow_id, name, key, at, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (workflow_id, name, key) DO NOTHING;

-- name: save_schedule
INSERT INTO schedules (
    schedule_id, name, cron, zone, source, inputs, catch_up, enabled, created_at, last_at, next_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (schedule_id) DO UPDATE SET
    name = excluded.name, cron = excluded.cron, zone = excluded.zone, source = excluded.source,
    inputs = excluded.inputs, catch_up = excluded.catch_up, enabled = excluded.enabled,
    created_at = excluded.created_at, last_at = excluded.last_at, next_at = excluded.next_at;

-- name: remove_schedule
DELETE FROM schedules WHERE schedule_id = ?;

-- name: remove_workflow
DELETE FROM workflow_states WHERE workflow_id = ?;

-- name: remove_definition
DELETE FROM workflow_definitions WHERE workflow_id = ?;

-- name: remove_tasks
DELETE FROM task_states WHERE workflow_id = ?;

-- name: remove_workflow_history
DELETE FROM workflow_state_history WHERE workflow_id = ?;

-- name: remove_attempts
DELETE FROM task_attempts WHERE workflow_id = ?;

-- name: remove_handoffs
DELETE FROM handoffs WHERE workflow_id = ?;

-- name: remove_artifacts
DELETE FROM artifacts WHERE workflow_id = ?;

-- name: remove_signals
DELETE FROM signals WHERE workflow_id = ?;

-- name: remove_lease
DELETE FROM leases WHERE workflow_id = ?;
