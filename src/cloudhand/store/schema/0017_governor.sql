-- How many machines of a group may restart at once, and which of them do.

CREATE TABLE governor_groups (
    name TEXT PRIMARY KEY,
    tags TEXT NOT NULL,                -- JSON
    budget INTEGER NOT NULL,
    percent INTEGER NOT NULL,          -- whether the budget is a share of the machines
    lease BIGINT NOT NULL,             -- ms
    restarts INTEGER NOT NULL,         -- of one machine
    within BIGINT NOT NULL,            -- ms
    counts_offline INTEGER NOT NULL,
    token_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE governor_slots (
    id TEXT PRIMARY KEY,
    group_name TEXT NOT NULL,
    holder TEXT NOT NULL,
    why TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    asked_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    held_at BIGINT,
    deadline_at BIGINT,                -- NULL once the state is final
    boot_id TEXT,
    ended_at BIGINT,
    CHECK (state IN (
        'Waiting', 'Held', 'Returned', 'Expired', 'Released', 'Gone', 'Withdrawn'
    )),
    CHECK ((deadline_at IS NULL) = (state NOT IN ('Waiting', 'Held')))
);

CREATE INDEX governor_slots_of_group ON governor_slots (group_name, asked_at);
CREATE INDEX governor_slots_of_holder ON governor_slots (holder, group_name, held_at);
CREATE INDEX governor_slots_due ON governor_slots (deadline_at);

-- A restart may have to wait for others, or be refused.
CREATE TABLE new_power_actions (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL,
    invoke_id TEXT NOT NULL,
    run BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    asked_at BIGINT NOT NULL,
    deadline_at BIGINT,
    boot_id_before TEXT,
    boot_id_after TEXT,
    done_at BIGINT,
    ordered_at BIGINT,                 -- when its agent was told to proceed
    reason TEXT NOT NULL,              -- what it waits for, or why it is refused
    UNIQUE (invoke_id, instance_id, run),
    CHECK (state IN ('Ordered', 'Held', 'Down', 'Done', 'Overdue', 'Refused')),
    CHECK ((deadline_at IS NULL) = (state IN ('Done', 'Overdue', 'Refused')))
);
INSERT INTO new_power_actions
    SELECT id, instance_id, invoke_id, run, kind, state, version, asked_at, deadline_at,
        boot_id_before, boot_id_after, done_at, asked_at, ''
    FROM power_actions;
DROP TABLE power_actions;
ALTER TABLE new_power_actions RENAME TO power_actions;
CREATE INDEX power_actions_open ON power_actions (instance_id) WHERE deadline_at IS NOT NULL;
