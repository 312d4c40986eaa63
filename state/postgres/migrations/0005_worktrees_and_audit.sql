-- Where a session works: JSON, NULL for a directory of the person's own.

ALTER TABLE sessions ADD COLUMN workspace TEXT;

-- The audit log of each engine: a record's hash is over the one before it and its own content. Rows are only
-- ever added.

CREATE TABLE audit (
    home       TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,               -- from 1, without a gap
    at         TEXT COLLATE "C" NOT NULL,
    body       TEXT NOT NULL,                 -- canonical JSON
    chain_hash TEXT NOT NULL,
    PRIMARY KEY (home, sequence)
);

-- The chain's head, kept beside it: a record that is missing at the end would not be missed otherwise.

CREATE TABLE audit_head (
    home       TEXT COLLATE "C" PRIMARY KEY,
    sequence   BIGINT NOT NULL,
    chain_hash TEXT NOT NULL
);
