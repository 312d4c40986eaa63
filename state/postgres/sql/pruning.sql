-- Dropping history, a slice at a time, through the writer.

-- name: remember_sequence
INSERT INTO counters (home, name, value)
SELECT :home, 'last_sequence', highest
FROM (SELECT max(sequence) AS highest FROM events WHERE home = :home) AS found
WHERE highest IS NOT NULL
ON CONFLICT (home, name) DO UPDATE SET value = greatest(counters.value, excluded.value);

-- name: drop_events
DELETE FROM events WHERE home = :home AND sequence IN (
    SELECT sequence FROM events WHERE home = :home AND sequence <= (
        SELECT sequence FROM events WHERE home = :home
        ORDER BY sequence DESC LIMIT 1 OFFSET :keep::bigint
    ) ORDER BY sequence LIMIT :slice::bigint
);

-- name: drop_replies
DELETE FROM replies WHERE home = :home AND id IN (
    SELECT id FROM replies WHERE home = :home AND id <= (
        SELECT id FROM replies WHERE home = :home
        ORDER BY id DESC LIMIT 1 OFFSET :keep::bigint
    ) ORDER BY id LIMIT :slice::bigint
);

-- name: drop_statuses
-- Of each session the newest lines stay; none, if the session is gone.
DELETE FROM status_history AS h USING (
    SELECT session_id, place FROM (
        SELECT l.session_id, l.place, s.id IS NULL AS gone, row_number() OVER (
            PARTITION BY l.session_id ORDER BY l.place DESC
        ) AS number
        FROM status_history AS l LEFT JOIN sessions AS s ON s.home = l.home AND s.id = l.session_id
        WHERE l.home = :home
    ) AS numbered WHERE gone OR number > :keep::bigint LIMIT :slice::bigint
) AS surplus
WHERE h.home = :home AND h.session_id = surplus.session_id AND h.place = surplus.place;

-- name: drop_items
DELETE FROM attention_items WHERE home = :home AND item_id IN (
    SELECT item_id FROM attention_items WHERE home = :home AND state <> 'open'
    ORDER BY coalesce(closed_at, created_at) DESC, item_id DESC OFFSET :keep::bigint
    LIMIT :slice::bigint
);

-- name: drop_snapshots
DELETE FROM snapshots WHERE home = :home AND session_id IN (
    SELECT session_id FROM snapshots WHERE home = :home AND session_id NOT IN (
        SELECT id FROM sessions WHERE home = :home
    ) LIMIT :slice::bigint
);

-- name: surplus_workflows
-- Ended ones beyond the newest, and those that were part of one that is gone. What works
-- on a payload goes with that.
(
    SELECT workflow_id FROM workflow_states
    WHERE status IN ('completed', 'failed', 'cancelled') AND parent IS NULL
    ORDER BY coalesce(ended_at, created_at) DESC, workflow_id DESC OFFSET :keep::bigint
)
UNION ALL
SELECT workflow_id FROM workflow_states
WHERE status IN ('completed', 'failed', 'cancelled') AND parent IS NOT NULL
    AND parent NOT LIKE 'payload/%'
    AND split_part(parent, '/', 1) NOT IN (SELECT workflow_id FROM workflow_states);
