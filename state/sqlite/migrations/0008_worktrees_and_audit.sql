-- Where a session works: JSON, NULL for a directory of the person's own.

ALTER TABLE sessions ADD COLUMN workspace TEXT;

-- The audit log: each record's hash is over the one before it and its own content. Rows are only ever added.

CREATE TABLE audit (
    sequence   INTEGER PRIMARY KEY,   -- from 1, without a gap
    at         TEXT NOT NULL,
    body       TEXT NOT NULL,         -- canonical JSON
    chain_hash TEXT NOT NULL
);

-- The chain's head, kept beside it: a record that is missing at the end would not be missed otherwise.

CREATE TABLE audit_head (
    place      INTEGER PRIMARY KEY CHECK (place = 1),
    sequence   INTEGER NOT NULL,
    chain_hash TEXT NOT NULL
);

INSERT INTO audit_head (place, sequence, chain_hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
