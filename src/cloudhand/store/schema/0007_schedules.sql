-- Commands that run again: a target has the last run of its machine, past_runs those that ended.

ALTER TABLE agents ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';  -- empty: it never said

ALTER TABLE invocations ADD COLUMN frequency TEXT NOT NULL DEFAULT '';

-- How many targets there are is read off the invocations, of which there are far fewer.
ALTER TABLE invocations ADD COLUMN target_count BIGINT NOT NULL DEFAULT 0;
UPDATE invocations
    SET target_count = (SELECT count(*) FROM targets WHERE invoke_id = invocations.id);
DROP INDEX invocations_newest;
DROP INDEX invocations_by_command;
CREATE INDEX invocations_newest ON invocations (created_at, id, target_count);
CREATE INDEX invocations_by_command ON invocations (command_id, created_at, id, target_count);

CREATE TABLE new_targets (
    invoke_id TEXT NOT NULL REFERENCES invocations (id) ON DELETE CASCADE,
    instance_id TEXT NOT NULL,
    run BIGINT NOT NULL,               -- 0: does not repeat, or has not run yet
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deadline_at BIGINT,
    next_at BIGINT,
    on_boot INTEGER NOT NULL,
    fetched_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    stop_asked_at BIGINT,
    boot_id TEXT,
    exit_code BIGINT,
    error_code TEXT NOT NULL,
    error_info TEXT NOT NULL,
    dropped BIGINT NOT NULL,
    inferred INTEGER NOT NULL,
    PRIMARY KEY (invoke_id, instance_id),
    CHECK (state IN ('Pending', 'Scheduled', 'Running', 'Stopping', 'Success', 'Failed', 'Error',
                     'Timeout', 'Cancelled', 'Terminated', 'Invalid', 'Aborted')),
    -- No run is without a deadline, and what is none has none.
    CHECK ((deadline_at IS NULL) = (state NOT IN ('Pending', 'Running', 'Stopping'))),
    -- What is scheduled comes, and what has ended does not.
    CHECK ((next_at IS NULL AND on_boot = 0)
           OR state IN ('Pending', 'Scheduled', 'Running')),
    CHECK (state <> 'Scheduled' OR next_at IS NOT NULL OR on_boot = 1)
);
INSERT INTO new_targets
    SELECT invoke_id, instance_id, 0, state, version, created_at, updated_at, deadline_at, NULL, 0,
        fetched_at, started_at, finished_at, stop_asked_at, boot_id, exit_code, error_code,
        error_info, dropped, inferred
    FROM targets;

CREATE TABLE new_outputs (
    invoke_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    run BIGINT NOT NULL,
    position BIGINT NOT NULL,          -- of the first byte, in what is kept
    bytes BLOB NOT NULL,
    checksum BIGINT NOT NULL,          -- CRC-32
    PRIMARY KEY (invoke_id, instance_id, run, position),
    FOREIGN KEY (invoke_id, instance_id) REFERENCES new_targets (invoke_id, instance_id)
        ON DELETE CASCADE
);
INSERT INTO new_outputs
    SELECT invoke_id, instance_id, 0, position, bytes, checksum FROM outputs;

DROP TABLE outputs;
DROP TABLE targets;
ALTER TABLE new_targets RENAME TO targets;
ALTER TABLE new_outputs RENAME TO outputs;
CREATE INDEX targets_unfinished ON targets (instance_id) WHERE deadline_at IS NOT NULL;
CREATE INDEX targets_due ON targets (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX targets_newest ON targets (created_at, invoke_id, instance_id);
CREATE INDEX targets_by_instance ON targets (instance_id, created_at);
CREATE INDEX targets_next ON targets (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX targets_on_boot ON targets (instance_id) WHERE on_boot = 1;

CREATE TABLE past_runs (
    invoke_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    run BIGINT NOT NULL,
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    fetched_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    stop_asked_at BIGINT,
    boot_id TEXT,
    exit_code BIGINT,
    error_code TEXT NOT NULL,
    error_info TEXT NOT NULL,
    dropped BIGINT NOT NULL,
    inferred INTEGER NOT NULL,
    PRIMARY KEY (invoke_id, instance_id, run),
    FOREIGN KEY (invoke_id, instance_id) REFERENCES targets (invoke_id, instance_id)
        ON DELETE CASCADE,
    CHECK (state IN ('Success', 'Failed', 'Error', 'Timeout', 'Cancelled', 'Terminated', 'Invalid',
                     'Aborted'))
);
CREATE INDEX past_runs_by_age ON past_runs (updated_at);

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
    UNIQUE (invoke_id, instance_id, run),
    CHECK (state IN ('Ordered', 'Down', 'Done', 'Overdue')),
    CHECK ((deadline_at IS NULL) = (state IN ('Done', 'Overdue')))
);
INSERT INTO new_power_actions
    SELECT id, instance_id, invoke_id, 0, kind, state, version, asked_at, deadline_at,
        boot_id_before, boot_id_after, done_at
    FROM power_actions;
DROP TABLE power_actions;
ALTER TABLE new_power_actions RENAME TO power_actions;
CREATE INDEX power_actions_open ON power_actions (instance_id) WHERE deadline_at IS NOT NULL;
