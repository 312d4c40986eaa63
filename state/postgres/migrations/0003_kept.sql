-- Small records, each changed only from the version that was read: locks, sagas, votes, budgets, the halt.

CREATE TABLE kept (
    kind    TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,                      -- one more with each change
    body    TEXT NOT NULL,                        -- JSON
    open    BIGINT NOT NULL,                      -- whether something is left to do about it
    PRIMARY KEY (kind, key)
);

CREATE INDEX kept_open ON kept (kind, key) WHERE open = 1;
