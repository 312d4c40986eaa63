-- Times are ISO 8601 text in UTC with six digits of a second, so that text order is time order.
--
-- No foreign keys: a snapshot or a line of history may arrive just after its session was removed,
-- and must not fail the transaction it is part of. Pruning sweeps up what belongs to no session.

CREATE TABLE engines (
    epoch     INTEGER PRIMARY KEY,
    engine_id TEXT NOT NULL,
    began_at  TEXT NOT NULL
);

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL,
    name         TEXT NOT NULL,
    agent        TEXT NOT NULL,
    cwd          TEXT NOT NULL,
    repo         TEXT NOT NULL,
    args         TEXT,             -- JSON list; NULL: the agent's own
    env          TEXT NOT NULL,    -- JSON object
    prompt       TEXT,
    priority     INTEGER NOT NULL,
    lifecycle    TEXT NOT NULL,
    activity     TEXT NOT NULL,
    source       TEXT NOT NULL,
    evidence     TEXT NOT NULL,
    since        TEXT NOT NULL,
    request      TEXT,             -- JSON object: the open request
    pid          INTEGER,
    keeper_pid   INTEGER,
    epoch        INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    exit_code    INTEGER,
    exit_signal  INTEGER,
    reason       TEXT NOT NULL,
    title        TEXT NOT NULL,
    session_ref  TEXT,
    cols         INTEGER NOT NULL,
    lines        INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    started_at   TEXT,
    ended_at     TEXT
);

-- `place` counts a session's lines. Clustered by session: a new line writes one page, no index.
CREATE TABLE status_history (
    session_id TEXT NOT NULL,
    place      INTEGER NOT NULL,
    at         TEXT NOT NULL,
    lifecycle  TEXT NOT NULL,
    activity   TEXT NOT NULL,
    source     TEXT NOT NULL,
    evidence   TEXT NOT NULL,
    PRIMARY KEY (session_id, place)
) WITHOUT ROWID;

CREATE TABLE attention_items (
    item_id       TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    choices       TEXT NOT NULL,   -- JSON list of objects
    free_text     INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    deadline      TEXT,
    created_at    TEXT NOT NULL,
    snoozed_until TEXT,
    state         TEXT NOT NULL,
    answer        TEXT,
    answered_by   TEXT,
    closed_at     TEXT
);
CREATE INDEX attention_items_by_session ON attention_items (session_id);

CREATE TABLE snapshots (
    session_id TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    "offset"   INTEGER NOT NULL,
    at         TEXT NOT NULL,
    data       BLOB NOT NULL
);

-- Without further indexes: every one would add a page to every commit, and the rare search by
-- type or session reads a hundred thousand events in 20 ms, on a thread.
CREATE TABLE events (
    sequence   INTEGER PRIMARY KEY,
    type       TEXT NOT NULL,
    at         TEXT NOT NULL,
    session_id TEXT,
    body       TEXT NOT NULL       -- JSON, as it went over the wire
);

CREATE TABLE replies (
    id         INTEGER PRIMARY KEY,
    command_id TEXT NOT NULL UNIQUE,
    at         TEXT NOT NULL,
    body       TEXT NOT NULL
);

CREATE TABLE preferences (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL            -- JSON
) WITHOUT ROWID;

-- Numbers that must outlive the rows they came from.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
