-- Commands that are kept. Invocations hold what they ran themselves: it outlives its command.

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    type TEXT NOT NULL,
    content BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    working_dir TEXT NOT NULL,
    timeout BIGINT NOT NULL,           -- seconds
    enable_parameter INTEGER NOT NULL,
    launcher TEXT NOT NULL,
    invoke_count BIGINT NOT NULL,      -- outlives the invocations
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX commands_newest ON commands (created_at, id);

-- Files that are sent to instances.

CREATE TABLE file_invocations (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    name TEXT NOT NULL,
    content BLOB NOT NULL,
    detail TEXT NOT NULL,              -- what nothing searches
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX file_invocations_newest ON file_invocations (created_at, id);

CREATE TABLE file_targets (
    invoke_id TEXT NOT NULL REFERENCES file_invocations (id) ON DELETE CASCADE,
    instance_id TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deadline_at BIGINT,
    fetched_at BIGINT,
    finished_at BIGINT,
    error_code TEXT NOT NULL,
    error_info TEXT NOT NULL,
    inferred INTEGER NOT NULL,
    PRIMARY KEY (invoke_id, instance_id),
    CHECK (state IN ('Pending', 'Running', 'Success', 'Failed', 'Error', 'Timeout', 'Invalid',
                     'Aborted')),
    CHECK ((deadline_at IS NULL) = (state NOT IN ('Pending', 'Running')))
);
CREATE INDEX file_targets_unfinished ON file_targets (instance_id) WHERE deadline_at IS NOT NULL;
CREATE INDEX file_targets_due ON file_targets (deadline_at) WHERE deadline_at IS NOT NULL;
