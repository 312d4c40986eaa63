-- What the writer runs for turns. The history's newest version tells what others have written; what
-- this journal holds beyond it is known to the program.

-- name: add_turn
INSERT INTO workflow_journal (workflow_id, version, upto, at, engine_id, lines, ends)
WITH turn (workflow_id, version, upto, at, engine_id, lines, ends, epoch) AS (
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
)
SELECT workflow_id, version, upto, at, engine_id, lines, ends FROM turn WHERE EXISTS (
    SELECT 1 FROM leases
    WHERE workflow_id = turn.workflow_id AND engine_id = turn.engine_id AND epoch = turn.epoch
) AND coalesce(
    (SELECT max(version) FROM workflow_state_history WHERE workflow_id = turn.workflow_id), 0
) < turn.version;

-- name: holds
SELECT 1 FROM leases WHERE workflow_id = ? AND engine_id = ? AND epoch = ?;

-- name: kept_version
SELECT coalesce(max(version), 0) FROM workflow_state_history WHERE workflow_id = ?;

-- name: journal_versions
-- A walk through the journal.
SELECT workflow_id, max(upto) FROM workflow_journal GROUP BY workflow_id;

-- name: is_journalled
SELECT EXISTS (SELECT 1 FROM workflow_journal);

-- name: has_turns
-- Without an index, which would be one more page for every commit: a walk through a small table.
SELECT EXISTS (SELECT 1 FROM workflow_journal WHERE workflow_id = ?);

-- name: journalled
SELECT place, workflow_id, version, at, engine_id, lines, ends
FROM workflow_journal ORDER BY place LIMIT ?;

-- name: post_history
INSERT INTO workflow_state_history (workflow_id, version, at, kind, task_id, body)
VALUES (?, ?, ?, ?, ?, ?);

-- name: posted
DELETE FROM workflow_journal WHERE place <= ?;
