-- Small records, each changed only from the version that was read: locks, sagas, votes, budgets, the halt.

CREATE TABLE kept (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,   -- one more with each change
    body    TEXT NOT NULL,      -- JSON
    open    INTEGER NOT NULL,   -- whether something is left to do about it
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

CREATE INDEX kept_open ON kept (kind, key) WHERE open = 1;
