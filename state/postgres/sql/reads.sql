-- What readers run. Columns come in the order that rows.py expects.

-- name: sessions
SELECT
    id, version, name, agent, cwd, repo, args, env, prompt, priority,
    lifecycle, activity, source, evidence, since, request,
    pid, keeper_pid, epoch, generation, exit_code, exit_signal, reason, title, session_ref,
    cols, lines, created_at, started_at, ended_at, workspace
FROM sessions WHERE home = :home ORDER BY created_at, id;

-- name: open_items
SELECT
    item_id, kind, session_id, request_id, title, text, choices, free_text, priority,
    deadline, created_at, snoozed_until, state, answer, answered_by, closed_at,
    workflow_id, task_id, about
FROM attention_items WHERE home = :home AND state = 'open' ORDER BY created_at, item_id;

-- name: snapshot
SELECT session_id, generation, "offset", at, data FROM snapshots
WHERE home = :home AND session_id = :session;

-- name: history
SELECT session_id, at, lifecycle, activity, source, evidence
FROM status_history WHERE home = :home AND session_id = :session
ORDER BY place DESC LIMIT :limit::bigint;

-- name: preferences
SELECT name, value FROM preferences WHERE home = :home;

-- name: reply
SELECT body FROM replies WHERE home = :home AND command_id = :command;

-- name: events_after
SELECT sequence, type, at, session_id, body FROM events
WHERE home = :home AND sequence > :after AND sequence < :before
    AND (:session::text IS NULL OR session_id = :session)
    AND (:types::text IS NULL OR type IN (SELECT json_array_elements_text(:types::text::json)))
ORDER BY sequence LIMIT :limit::bigint;

-- name: newest_events
SELECT sequence, type, at, session_id, body FROM events
WHERE home = :home AND sequence < :before AND (:session::text IS NULL OR session_id = :session)
    AND (:types::text IS NULL OR type IN (SELECT json_array_elements_text(:types::text::json)))
ORDER BY sequence DESC LIMIT :limit::bigint;

-- name: last_sequence
SELECT greatest(
    coalesce((SELECT max(sequence) FROM events WHERE home = :home), 0),
    coalesce((SELECT value FROM counters WHERE home = :home AND name = 'last_sequence'), 0)
);
