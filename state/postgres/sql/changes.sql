-- What the writer runs. Values are bound by position, in the order of the columns.

-- name: save_session
-- No row is changed, if the kept version is not below the new one.
INSERT INTO sessions (
    id, version, name, agent, cwd, repo, args, env, prompt, priority,
    lifecycle, activity, source, evidence, since, request,
    pid, keeper_pid, epoch, generation, exit_code, exit_signal, reason, title, session_ref,
    cols, lines, created_at, started_at, ended_at, workspace, home
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
    $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32
)
ON CONFLICT (home, id) DO UPDATE SET
    version = excluded.version, name = excluded.name, agent = excluded.agent,
    cwd = excluded.cwd, repo = excluded.repo, args = excluded.args, env = excluded.env,
    prompt = excluded.prompt, priority = excluded.priority, lifecycle = excluded.lifecycle,
    activity = excluded.activity, source = excluded.source, evidence = excluded.evidence,
    since = excluded.since, request = excluded.request, pid = excluded.pid,
    keeper_pid = excluded.keeper_pid, epoch = excluded.epoch, generation = excluded.generation,
    exit_code = excluded.exit_code, exit_signal = excluded.exit_signal, reason = excluded.reason,
    title = excluded.title, session_ref = excluded.session_ref, cols = excluded.cols,
    lines = excluded.lines, created_at = excluded.created_at, started_at = excluded.started_at,
    ended_at = excluded.ended_at, workspace = excluded.workspace
WHERE excluded.version > sessions.version
RETURNING 1;

-- name: remove_session
DELETE FROM sessions WHERE id = $1 AND home = $2;

-- name: remove_history
DELETE FROM status_history WHERE session_id = $1 AND home = $2;

-- name: remove_items
DELETE FROM attention_items WHERE session_id = $1 AND home = $2;

-- name: remove_snapshot
DELETE FROM snapshots WHERE session_id = $1 AND home = $2;

-- name: add_status
-- The session's id comes first and last.
INSERT INTO status_history (
    session_id, place, at, lifecycle, activity, source, evidence, home
)
SELECT $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5, $6, $8
FROM status_history WHERE session_id = $7 AND home = $8;

-- name: save_item
INSERT INTO attention_items (
    item_id, kind, session_id, request_id, title, text, choices, free_text, priority,
    deadline, created_at, snoozed_until, state, answer, answered_by, closed_at,
    workflow_id, task_id, about, home
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (home, item_id) DO UPDATE SET
    kind = excluded.kind, session_id = excluded.session_id, request_id = excluded.request_id,
    title = excluded.title, text = excluded.text, choices = excluded.choices,
    free_text = excluded.free_text, priority = excluded.priority, deadline = excluded.deadline,
    created_at = excluded.created_at, snoozed_until = excluded.snoozed_until,
    state = excluded.state, answer = excluded.answer, answered_by = excluded.answered_by,
    closed_at = excluded.closed_at,
    workflow_id = excluded.workflow_id, task_id = excluded.task_id, about = excluded.about;

-- name: save_snapshot
INSERT INTO snapshots (session_id, generation, "offset", at, data, home)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (home, session_id) DO UPDATE SET
    generation = excluded.generation, "offset" = excluded."offset", at = excluded.at,
    data = excluded.data;

-- name: add_event
INSERT INTO events (sequence, type, at, session_id, body, home) VALUES ($1, $2, $3, $4, $5, $6);

-- name: save_reply
INSERT INTO replies (command_id, at, body, home) VALUES ($1, $2, $3, $4)
ON CONFLICT (home, command_id) DO NOTHING;

-- name: save_preference
INSERT INTO preferences (name, value, home) VALUES ($1, $2, $3)
ON CONFLICT (home, name) DO UPDATE SET value = excluded.value;

-- name: forget_preference
DELETE FROM preferences WHERE name = $1 AND home = $2;

-- name: enter_engine
-- Nobody else gets a number while the counter's row is locked.
WITH next AS (
    INSERT INTO counters (home, name, value) VALUES ('', 'epoch', 1)
    ON CONFLICT (home, name) DO UPDATE SET value = counters.value + 1
    RETURNING value
)
INSERT INTO engines (epoch, engine_id, home, began_at) SELECT value, $1, $3, $2 FROM next
RETURNING epoch;
