-- Templates, and what executes them.

CREATE TABLE template_texts (
    hash TEXT PRIMARY KEY,             -- SHA-256 of the text
    text TEXT NOT NULL
);

CREATE TABLE templates (
    key TEXT PRIMARY KEY,              -- the name in lower case
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    latest INTEGER NOT NULL,           -- number of the newest version
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    execution_count INTEGER NOT NULL,
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX templates_newest ON templates (created_at, key);

CREATE TABLE template_versions (
    key TEXT NOT NULL REFERENCES templates (key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,                -- free, often empty
    hash TEXT NOT NULL REFERENCES template_texts (hash),
    format TEXT NOT NULL,
    description TEXT NOT NULL,         -- JSON: text, or texts by language
    trigger_category TEXT NOT NULL,    -- empty: nothing triggers it
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (key, number)
);

CREATE TABLE executions (
    id TEXT PRIMARY KEY,
    root_id TEXT NOT NULL,
    parent_task_id TEXT,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    pokes INTEGER NOT NULL DEFAULT 0,  -- how often somebody said "look again"
    template TEXT NOT NULL,            -- JSON
    template_name TEXT NOT NULL,
    template_hash TEXT NOT NULL REFERENCES template_texts (hash),
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    due_at BIGINT,
    parameters TEXT NOT NULL,
    outputs TEXT,
    status_message TEXT NOT NULL,
    waits_for TEXT NOT NULL,
    cancel TEXT NOT NULL,
    mode TEXT NOT NULL,
    safety_check TEXT NOT NULL,
    loop_mode TEXT NOT NULL,
    ram_role TEXT NOT NULL,
    executed_by TEXT NOT NULL,
    account_id TEXT NOT NULL,
    region_id TEXT NOT NULL,
    description TEXT NOT NULL,
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    triggered TEXT,                    -- JSON
    trigger_category TEXT NOT NULL,    -- empty: nothing triggers it
    claimed_by TEXT,
    claim_epoch BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    CHECK (state IN ('Started', 'Queued', 'Running', 'Waiting', 'Success', 'Failed', 'Cancelled')),
    CHECK (due_at IS NULL OR state NOT IN ('Success', 'Failed', 'Cancelled'))
);
CREATE INDEX executions_due ON executions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX executions_newest ON executions (created_at, id);
CREATE INDEX executions_by_root ON executions (root_id, created_at);
CREATE INDEX executions_by_task ON executions (parent_task_id) WHERE parent_task_id IS NOT NULL;

CREATE TABLE task_executions (
    id TEXT PRIMARY KEY,
    execution_id TEXT NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    parent_id TEXT,
    number INTEGER NOT NULL,           -- of the task in the template, or of the item in its loop
    name TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    wakes INTEGER NOT NULL DEFAULT 0,  -- how often something that it watches has changed
    batch INTEGER NOT NULL,
    item TEXT NOT NULL,                -- JSON
    attempt INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    due_at BIGINT,
    properties TEXT NOT NULL,
    memo TEXT NOT NULL,
    outputs TEXT NOT NULL,
    following TEXT NOT NULL,
    child_id TEXT,
    error_code TEXT NOT NULL,
    message TEXT NOT NULL,
    waits_for TEXT NOT NULL,
    cancel_asked INTEGER NOT NULL,
    notices TEXT NOT NULL,
    loop TEXT,                         -- JSON
    CHECK (state IN ('Pending', 'Running', 'Waiting', 'Success', 'Failed', 'Cancelled', 'Skipped'))
);
CREATE INDEX task_executions_of ON task_executions (execution_id, parent_id, number);
CREATE INDEX task_executions_open ON task_executions (parent_id, state)
    WHERE state IN ('Running', 'Waiting');
CREATE INDEX task_executions_due ON task_executions (execution_id, due_at)
    WHERE due_at IS NOT NULL;

-- Whose changes make a task worth another look.
CREATE TABLE watches (
    thing TEXT NOT NULL,
    task_id TEXT NOT NULL REFERENCES task_executions (id) ON DELETE CASCADE,
    execution_id TEXT NOT NULL,
    PRIMARY KEY (thing, task_id)
);
CREATE INDEX watches_of ON watches (task_id);

-- Which task of an execution asked for an invocation.
CREATE TABLE task_invocations (
    invoke_id TEXT PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
    task_id TEXT NOT NULL
);
CREATE INDEX task_invocations_of ON task_invocations (task_id);
