-- Logs of batches: what a room keeps of its own state, one row for each group of changes.

CREATE TABLE batches (
    home   TEXT COLLATE "C" NOT NULL,
    log    TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,     -- grows; a fold drops what is below it
    body   TEXT NOT NULL,       -- the room's own lines
    PRIMARY KEY (home, log, number)
);
