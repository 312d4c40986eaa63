-- What pruning runs: an `edge` or a list is found by a reader, the rows go by the writer.

-- name: event_edge
-- The newest sequence to drop. The first condition spares the count, where there is nothing to do.
SELECT sequence FROM events
WHERE (SELECT max(sequence) FROM events) - (SELECT min(sequence) FROM events) >= :keep
ORDER BY sequence DESC LIMIT 1 OFFSET :keep;

-- name: reply_edge
SELECT id FROM replies
WHERE (SELECT max(id) FROM replies) - (SELECT min(id) FROM replies) >= :keep
ORDER BY id DESC LIMIT 1 OFFSET :keep;

-- name: status_edges
-- For each session the newest line to drop; all lines, if the session is gone.
SELECT session_id, place FROM (
    SELECT h.session_id, h.place, s.id IS NULL AS gone,
        row_number() OVER (PARTITION BY h.session_id ORDER BY h.place DESC) AS number
    FROM status_history AS h LEFT JOIN sessions AS s ON s.id = h.session_id
) WHERE number = CASE WHEN gone THEN 1 ELSE :keep + 1 END;

-- name: surplus_items
SELECT item_id FROM attention_items WHERE state <> 'open'
ORDER BY coalesce(closed_at, created_at) DESC, item_id DESC LIMIT -1 OFFSET :keep;

-- name: stray_snapshots
SELECT session_id FROM snapshots WHERE session_id NOT IN (SELECT id FROM sessions);

-- name: surplus_workflows
-- Ended ones beyond the newest, and those that were part of one that is gone. What works
-- on a payload goes with that.
SELECT workflow_id FROM (
    SELECT workflow_id FROM workflow_states
    WHERE status IN ('completed', 'failed', 'cancelled') AND parent IS NULL
    ORDER BY coalesce(ended_at, created_at) DESC, workflow_id DESC LIMIT -1 OFFSET :keep
)
UNION ALL
SELECT workflow_id FROM workflow_states
WHERE status IN ('completed', 'failed', 'cancelled') AND parent IS NOT NULL
    AND parent NOT LIKE 'payload/%'
    AND substr(parent, 1, instr(parent, '/') - 1) NOT IN (SELECT workflow_id FROM workflow_states);

-- name: remember_sequence
INSERT OR REPLACE INTO counters (name, value)
SELECT 'last_sequence', highest FROM (SELECT max(sequence) AS highest FROM events)
WHERE highest IS NOT NULL;

-- name: drop_events
DELETE FROM events WHERE sequence IN (
    SELECT sequence FROM events WHERE sequence <= :edge ORDER BY sequence LIMIT :slice
);

-- name: drop_replies
DELETE FROM replies WHERE id IN (
    SELECT id FROM replies WHERE id <= :edge ORDER BY id LIMIT :slice
);

-- name: drop_statuses
DELETE FROM status_history WHERE session_id = :session AND place IN (
    SELECT place FROM status_history WHERE session_id = :session AND place <= :edge
    ORDER BY place LIMIT :slice
);

-- name: drop_items
DELETE FROM attention_items
WHERE state <> 'open' AND item_id IN (SELECT value FROM json_each(:names));

-- name: drop_snapshots
DELETE FROM snapshots
WHERE session_id IN (SELECT value FROM json_each(:names))
    AND session_id NOT IN (SELECT id FROM sessions);
