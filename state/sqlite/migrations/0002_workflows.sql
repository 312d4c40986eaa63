-- Workflows: what stands, and every change that led there.
--
-- Times as in the first migration. Values from outside (results, inputs, variables, metadata) are
-- JSON text, kept as they came.

CREATE TABLE workflow_states (
    workflow_id   TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    status        TEXT NOT NULL,
    variables     TEXT NOT NULL,    -- JSON object
    metadata      TEXT NOT NULL,    -- JSON object
    parent        TEXT,             -- workflow_id/task_id/attempt that this one is a part of
    created_at    TEXT NOT NULL,
    started_at    TEXT,
    ended_at      TEXT,
    error         TEXT,
    restored_from INTEGER           -- the version that the last rollback restored
);
CREATE INDEX workflow_states_by_status ON workflow_states (status, created_at);
CREATE INDEX workflow_states_by_age ON workflow_states (created_at);
CREATE INDEX workflow_states_by_parent ON workflow_states (parent) WHERE parent IS NOT NULL;

-- Apart from the states, so that a change of status doesn't write a large definition again.
CREATE TABLE workflow_definitions (
    workflow_id TEXT PRIMARY KEY,
    definition  TEXT NOT NULL,      -- JSON: what the instance was created from, whole
    inputs      TEXT NOT NULL       -- JSON object
);

CREATE TABLE task_states (
    place           INTEGER PRIMARY KEY,  -- the order in which they were first saved
    workflow_id     TEXT NOT NULL,
    task_id         TEXT NOT NULL,
    agent_id        TEXT NOT NULL,
    agent_type      TEXT NOT NULL,
    status          TEXT NOT NULL,
    attempt         INTEGER NOT NULL,     -- attempts begun
    losses          INTEGER NOT NULL,     -- those of them that were lost with their engine
    error           TEXT,
    error_type      TEXT,
    started_at      TEXT,
    ended_at        TEXT,
    next_attempt_at TEXT,
    child           TEXT,                 -- where the running attempt is to be found again
    log             TEXT,
    scheduling      TEXT,                 -- JSON, for the scheduler alone
    result          TEXT,                 -- JSON; NULL: there is none
    UNIQUE (workflow_id, task_id)
);

-- The primary key is the guard: no version can be written twice. Never changed, only removed
-- with its workflow.
CREATE TABLE workflow_state_history (
    workflow_id   TEXT NOT NULL,
    version       INTEGER NOT NULL,
    at            TEXT NOT NULL,
    kind          TEXT NOT NULL,    -- created, task, removed, status, rollback
    task_id       TEXT,
    restored_from INTEGER,
    body          TEXT NOT NULL,    -- JSON: the record after the change
    PRIMARY KEY (workflow_id, version)
) WITHOUT ROWID;

CREATE TABLE task_attempts (
    workflow_id TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    status      TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    ended_at    TEXT NOT NULL,
    engine_id   TEXT NOT NULL,
    error       TEXT,
    error_type  TEXT,
    log         TEXT,
    PRIMARY KEY (workflow_id, task_id, attempt)
) WITHOUT ROWID;

CREATE TABLE handoffs (
    handoff_id  TEXT PRIMARY KEY,
    workflow_id TEXT NOT NULL,
    source_task TEXT,
    target_task TEXT,
    status      TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    body        TEXT NOT NULL       -- JSON: the message
);
CREATE INDEX handoffs_by_workflow ON handoffs (workflow_id);

CREATE TABLE artifacts (
    artifact_id TEXT PRIMARY KEY,
    workflow_id TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    path        TEXT NOT NULL,      -- relative to the state directory's artifacts
    size        INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    created_at  TEXT NOT NULL
);
CREATE INDEX artifacts_by_workflow ON artifacts (workflow_id);

CREATE TABLE signals (
    workflow_id TEXT NOT NULL,
    name        TEXT NOT NULL,
    key         TEXT NOT NULL,      -- the first signal of a key counts
    at          TEXT NOT NULL,
    body        TEXT NOT NULL,      -- JSON
    PRIMARY KEY (workflow_id, name, key)
) WITHOUT ROWID;

CREATE TABLE schedules (
    schedule_id TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    cron        TEXT NOT NULL,
    zone        TEXT NOT NULL,
    source      TEXT NOT NULL,
    inputs      TEXT NOT NULL,      -- JSON object
    catch_up    TEXT NOT NULL,      -- none, one or all of the starts that were missed
    enabled     INTEGER NOT NULL,
    created_at  TEXT NOT NULL,
    last_at     TEXT,
    next_at     TEXT
);

-- Which engine drives an instance. The row outlives its holder, so that epochs only grow.
CREATE TABLE leases (
    workflow_id TEXT PRIMARY KEY,
    engine_id   TEXT,               -- NULL: nobody
    epoch       INTEGER NOT NULL,   -- one more with each holder
    expires_at  TEXT NOT NULL
) WITHOUT ROWID;
