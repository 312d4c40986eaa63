-- Times are ISO 8601 text in UTC with six digits of a second, as in the other stores: text order is
-- time order, and "column::timestamptz" reads them. Ordered columns compare byte by byte.
--
-- Several engines may share one database. What belongs to one of them alone (its sessions with their
-- terminals, its events, replies and preferences) carries its home; workflows are everybody's.
--
-- No foreign keys: a snapshot or a line of history may arrive just after its session was removed,
-- and must not fail the transaction it is part of. Pruning sweeps up what belongs to no session.

-- Each writer notes here, in every transaction, how far it came; after a lost connection this tells
-- whether the last transaction was kept.
CREATE TABLE writers (
    writer_id TEXT PRIMARY KEY,
    position  BIGINT NOT NULL,
    since     TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE engines (
    epoch     BIGINT PRIMARY KEY,
    engine_id TEXT COLLATE "C" NOT NULL,
    home      TEXT NOT NULL,
    began_at  TEXT COLLATE "C" NOT NULL
);

CREATE TABLE sessions (
    home        TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    agent       TEXT NOT NULL,
    cwd         TEXT NOT NULL,
    repo        TEXT NOT NULL,
    args        TEXT,                             -- JSON list; NULL: the agent's own
    env         TEXT NOT NULL,                    -- JSON object
    prompt      TEXT,
    priority    BIGINT NOT NULL,
    lifecycle   TEXT NOT NULL,
    activity    TEXT NOT NULL,
    source      TEXT NOT NULL,
    evidence    TEXT NOT NULL,
    since       TEXT COLLATE "C" NOT NULL,
    request     TEXT,                             -- JSON object: the open request
    pid         BIGINT,
    keeper_pid  BIGINT,
    epoch       BIGINT NOT NULL,
    generation  BIGINT NOT NULL,
    exit_code   BIGINT,
    exit_signal BIGINT,
    reason      TEXT NOT NULL,
    title       TEXT NOT NULL,
    session_ref TEXT,
    cols        BIGINT NOT NULL,
    lines       BIGINT NOT NULL,
    created_at  TEXT COLLATE "C" NOT NULL,
    started_at  TEXT COLLATE "C",
    ended_at    TEXT COLLATE "C",
    PRIMARY KEY (home, id)
);

-- `place` counts a session's lines.
CREATE TABLE status_history (
    home       TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    place      BIGINT NOT NULL,
    at         TEXT COLLATE "C" NOT NULL,
    lifecycle  TEXT NOT NULL,
    activity   TEXT NOT NULL,
    source     TEXT NOT NULL,
    evidence   TEXT NOT NULL,
    PRIMARY KEY (home, session_id, place)
);

CREATE TABLE attention_items (
    home          TEXT COLLATE "C" NOT NULL,
    item_id       TEXT COLLATE "C" NOT NULL,
    kind          TEXT NOT NULL,
    session_id    TEXT COLLATE "C" NOT NULL,
    request_id    TEXT COLLATE "C" NOT NULL,
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    choices       TEXT NOT NULL,                  -- JSON list of objects
    free_text     BIGINT NOT NULL,
    priority      BIGINT NOT NULL,
    deadline      TEXT COLLATE "C",
    created_at    TEXT COLLATE "C" NOT NULL,
    snoozed_until TEXT,
    state         TEXT NOT NULL,
    answer        TEXT,
    answered_by   TEXT,
    closed_at     TEXT COLLATE "C",
    PRIMARY KEY (home, item_id)
);
CREATE INDEX attention_items_by_session ON attention_items (home, session_id);

CREATE TABLE snapshots (
    home       TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    "offset"   BIGINT NOT NULL,
    at         TEXT COLLATE "C" NOT NULL,
    data       BYTEA NOT NULL,
    PRIMARY KEY (home, session_id)
);

-- Without further indexes: each would slow every commit down, for a rare search by type or session.
CREATE TABLE events (
    home       TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,
    type       TEXT NOT NULL,
    at         TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C",
    body       TEXT NOT NULL,                     -- JSON, as it went over the wire
    PRIMARY KEY (home, sequence)
);

CREATE TABLE replies (
    home       TEXT COLLATE "C" NOT NULL,
    id         BIGSERIAL NOT NULL,
    command_id TEXT COLLATE "C" NOT NULL,
    at         TEXT COLLATE "C" NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (home, id),
    UNIQUE (home, command_id)
);

CREATE TABLE preferences (
    home  TEXT COLLATE "C" NOT NULL,
    name  TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,                          -- JSON
    PRIMARY KEY (home, name)
);

-- Numbers that must outlive the rows they came from.
CREATE TABLE counters (
    home  TEXT COLLATE "C" NOT NULL,
    name  TEXT COLLATE "C" NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (home, name)
);

-- ---- workflows --------------------------------------------------------------------------------
-- Values from outside (results, inputs, variables, metadata) are JSON text, kept as they came.

CREATE TABLE workflow_states (
    workflow_id   TEXT COLLATE "C" PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    status        TEXT NOT NULL,
    variables     TEXT NOT NULL,                  -- JSON object
    metadata      TEXT NOT NULL,                  -- JSON object
    parent        TEXT,                           -- workflow_id/task_id/attempt that this one is a part of
    created_at    TEXT COLLATE "C" NOT NULL,
    started_at    TEXT COLLATE "C",
    ended_at      TEXT COLLATE "C",
    error         TEXT,
    restored_from BIGINT                          -- the version that the last rollback restored
);
CREATE INDEX workflow_states_by_status ON workflow_states (status, created_at);
CREATE INDEX workflow_states_by_age ON workflow_states (created_at);
CREATE INDEX workflow_states_by_parent ON workflow_states (parent) WHERE parent IS NOT NULL;

-- Apart from the states, so that a change of status doesn't write a large definition again.
CREATE TABLE workflow_definitions (
    workflow_id TEXT COLLATE "C" PRIMARY KEY,
    definition  TEXT NOT NULL,                    -- JSON: what the instance was created from, whole
    inputs      TEXT NOT NULL                     -- JSON object
);

CREATE TABLE task_states (
    place           BIGSERIAL PRIMARY KEY,        -- the order in which they were first saved
    workflow_id     TEXT COLLATE "C" NOT NULL,
    task_id         TEXT COLLATE "C" NOT NULL,
    agent_id        TEXT COLLATE "C" NOT NULL,
    agent_type      TEXT NOT NULL,
    status          TEXT NOT NULL,
    attempt         BIGINT NOT NULL,              -- attempts begun
    losses          BIGINT NOT NULL,              -- those of them that were lost with their engine
    error           TEXT,
    error_type      TEXT,
    started_at      TEXT COLLATE "C",
    ended_at        TEXT COLLATE "C",
    next_attempt_at TEXT COLLATE "C",
    child           TEXT,                         -- where the running attempt is to be found again
    log             TEXT,
    scheduling      TEXT,                         -- JSON, for the scheduler alone
    result          TEXT,                         -- JSON; NULL: there is none
    UNIQUE (workflow_id, task_id)
);

-- The primary key is the guard: no version can be written twice. Never changed, only removed
-- with its workflow.
CREATE TABLE workflow_state_history (
    workflow_id   TEXT COLLATE "C" NOT NULL,
    version       BIGINT NOT NULL,
    at            TEXT COLLATE "C" NOT NULL,
    kind          TEXT NOT NULL,                  -- created, task, removed, status, rollback
    task_id       TEXT COLLATE "C",
    restored_from BIGINT,
    body          TEXT NOT NULL,                  -- JSON: the record after the change
    PRIMARY KEY (workflow_id, version)
);

CREATE TABLE task_attempts (
    workflow_id TEXT COLLATE "C" NOT NULL,
    task_id     TEXT COLLATE "C" NOT NULL,
    attempt     BIGINT NOT NULL,
    status      TEXT NOT NULL,
    started_at  TEXT COLLATE "C" NOT NULL,
    ended_at    TEXT COLLATE "C" NOT NULL,
    engine_id   TEXT COLLATE "C" NOT NULL,
    error       TEXT,
    error_type  TEXT,
    log         TEXT,
    PRIMARY KEY (workflow_id, task_id, attempt)
);

CREATE TABLE handoffs (
    handoff_id  TEXT COLLATE "C" PRIMARY KEY,
    workflow_id TEXT COLLATE "C" NOT NULL,
    source_task TEXT,
    target_task TEXT,
    status      TEXT NOT NULL,
    created_at  TEXT COLLATE "C" NOT NULL,
    changed_at  TEXT COLLATE "C" NOT NULL,
    body        TEXT NOT NULL                     -- JSON: the message
);
CREATE INDEX handoffs_by_workflow ON handoffs (workflow_id);

CREATE TABLE artifacts (
    artifact_id TEXT COLLATE "C" PRIMARY KEY,
    workflow_id TEXT COLLATE "C" NOT NULL,
    task_id     TEXT COLLATE "C" NOT NULL,
    attempt     BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    path        TEXT NOT NULL,                    -- relative to the state directory's artifacts
    size        BIGINT NOT NULL,
    sha256      TEXT NOT NULL,
    created_at  TEXT COLLATE "C" NOT NULL
);
CREATE INDEX artifacts_by_workflow ON artifacts (workflow_id);

CREATE TABLE signals (
    workflow_id TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,        -- the first signal of a key counts
    at          TEXT COLLATE "C" NOT NULL,
    body        TEXT NOT NULL,                    -- JSON
    PRIMARY KEY (workflow_id, name, key)
);

CREATE TABLE schedules (
    schedule_id TEXT COLLATE "C" PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL,
    cron        TEXT NOT NULL,
    zone        TEXT NOT NULL,
    source      TEXT NOT NULL,
    inputs      TEXT NOT NULL,                    -- JSON object
    catch_up    TEXT NOT NULL,                    -- none, one or all of the starts that were missed
    enabled     BIGINT NOT NULL,
    created_at  TEXT COLLATE "C" NOT NULL,
    last_at     TEXT COLLATE "C",
    next_at     TEXT COLLATE "C"
);

-- Which engine drives an instance. The row outlives its holder, so that epochs only grow.
CREATE TABLE leases (
    workflow_id TEXT COLLATE "C" PRIMARY KEY,
    engine_id   TEXT COLLATE "C",                 -- NULL: nobody
    epoch       BIGINT NOT NULL,                  -- one more with each holder
    expires_at  TEXT COLLATE "C" NOT NULL
);
