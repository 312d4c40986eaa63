-- Small records, each changed only from the version that was read.

-- name: get_kept
SELECT key, version, body, open FROM kept WHERE kind = :kind AND key = :key;

-- name: begin_kept
INSERT INTO kept (kind, key, version, body, open) VALUES (:kind, :key, :version, :body, :open)
ON CONFLICT DO NOTHING
RETURNING version;

-- name: go_on_kept
UPDATE kept SET version = :version, body = :body, open = :open
WHERE kind = :kind AND key = :key AND version = :version - 1
RETURNING version;

-- name: remove_kept
DELETE FROM kept WHERE kind = :kind AND key = :key RETURNING version;

-- name: all_kept
SELECT key, version, body, open FROM kept WHERE kind = :kind ORDER BY key;

-- name: open_kept
SELECT key, version, body, open FROM kept WHERE kind = :kind AND open = 1 ORDER BY key;
