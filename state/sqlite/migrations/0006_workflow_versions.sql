-- Versions without bodies. To find a row in a table WITHOUT ROWID, SQLite reads the whole of any row that it passes,
-- and the first row of an instance holds all of its tasks.

CREATE INDEX workflow_versions ON workflow_state_history (workflow_id, version);
