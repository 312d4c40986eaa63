-- Logs of batches: what a room keeps of its own state, one row for each group of changes.

CREATE TABLE batches (
    log    TEXT NOT NULL,
    number INTEGER NOT NULL,    -- grows; a fold drops what is below it
    body   TEXT NOT NULL,       -- the room's own lines
    PRIMARY KEY (log, number)
) WITHOUT ROWID;
