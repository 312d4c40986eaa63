-- What engines' turns brought, as it came: the one table that a running workflow's commit touches.
-- Rows go into the tables of the states, history and attempts before those are read.

CREATE TABLE workflow_journal (
    place       INTEGER PRIMARY KEY,
    workflow_id TEXT NOT NULL,
    version     INTEGER NOT NULL,   -- of the first line
    upto        INTEGER NOT NULL,   -- of the last line; version - 1 where there is none
    at          TEXT NOT NULL,
    engine_id   TEXT NOT NULL,
    lines       TEXT NOT NULL,      -- bodies of history, one in each line
    ends        TEXT NOT NULL       -- JSON lists, one in each line: attempts that ended
);
