-- Small records, each changed only from the version that was read. Whoever listens hears of changes.

-- name: get_kept
SELECT key, version, body, open FROM kept WHERE kind = :kind AND key = :key;

-- name: begin_kept
WITH done AS (
    INSERT INTO kept (kind, key, version, body, open) VALUES (:kind, :key, :version, :body, :open)
    ON CONFLICT DO NOTHING
    RETURNING kind, key, version
)
SELECT version, pg_notify(
    'quarterdeck_kept', CASE WHEN octet_length(key) < 7000 THEN kind || chr(10) || key ELSE '' END
) FROM done;

-- name: go_on_kept
WITH done AS (
    UPDATE kept SET version = :version, body = :body, open = :open
    WHERE kind = :kind AND key = :key AND version = :version - 1
    RETURNING kind, key, version
)
SELECT version, pg_notify(
    'quarterdeck_kept', CASE WHEN octet_length(key) < 7000 THEN kind || chr(10) || key ELSE '' END
) FROM done;

-- name: remove_kept
WITH done AS (
    DELETE FROM kept WHERE kind = :kind AND key = :key RETURNING kind, key, version
)
SELECT version, pg_notify(
    'quarterdeck_kept', CASE WHEN octet_length(key) < 7000 THEN kind || chr(10) || key ELSE '' END
) FROM done;

-- name: all_kept
SELECT key, version, body, open FROM kept WHERE kind = :kind ORDER BY key;

-- name: keys_kept
SELECT kind, key FROM kept;

-- name: open_kept
SELECT key, version, body, open FROM kept WHERE kind = :kind AND open = 1 ORDER BY key;
