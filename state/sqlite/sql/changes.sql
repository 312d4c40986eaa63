-- What the writer runs. Values are bound by position, in the order of the columns.

-- name: save_session
-- No row is changed, if the kept version is not below the new one.
INSERT INTO sessions (
    id, version, name, agent, cwd, repo, args, env, prompt, priority,
    lifecycle, activity, source, evidence, since, request,
    pid, keeper_pid, epoch, generation, exit_code, exit_signal, reason, title, session_ref,
    cols, lines, created_at, started_at, ended_at, workspace
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
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
WHERE excluded.version > sessions.version;

-- name: remove_session
DELETE FROM sessions WHERE id = ?;

-- name: remove_history
DELETE FROM status_history WHERE session_id = ?;

-- name: remove_items
DELETE FROM attention_items WHERE session_id = ?;

-- name: remove_snapshot
DELETE FROM snapshots WHERE session_id = ?;

-- name: add_status
-- The session's id comes first and last.
INSERT INTO status_history (session_id, place, at, lifecycle, activity, source, evidence)
SELECT ?, coalesce(max(place), 0) + 1, ?, ?, ?, ?, ? FROM status_history WHERE session_id = ?;

-- name: save_item
INSERT OR REPLACE INTO attention_items (
    item_id, kind, session_id, request_id, title, text, choices, free_text, priority,
    deadline, created_at, snoozed_until, state, answer, answered_by, closed_at,
    workflow_id, task_id, about
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: save_snapshot
INSERT OR REPLACE INTO snapshots (session_id, generation, "offset", at, data)
VALUES (?, ?, ?, ?, ?);

-- name: add_event
INSERT INTO events (sequence, type, at, session_id, body) VALUES (?, ?, ?, ?, ?);

-- name: save_reply
INSERT INTO replies (command_id, at, body) VALUES (?, ?, ?) ON CONFLICT (command_id) DO NOTHING;

-- name: save_preference
INSERT OR REPLACE INTO preferences (name, value) VALUES (?, ?);

-- name: forget_preference
DELETE FROM preferences WHERE name = ?;

-- name: enter_engine
INSERT INTO engines (epoch, engine_id, began_at)
SELECT coalesce(max(epoch), 0) + 1, ?, ? FROM engines;
