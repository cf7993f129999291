-- Moments are milliseconds since the epoch, UTC. Text holding a map is JSON.

CREATE TABLE access_keys (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,              -- sealed
    account_id TEXT NOT NULL,
    active INTEGER NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE client_tokens (
    token TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    answer BLOB NOT NULL,              -- sealed
    created_at BIGINT NOT NULL
);

CREATE TABLE activations (
    id TEXT PRIMARY KEY,
    code_hash BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    time_to_live BIGINT NOT NULL,      -- ms
    instance_count INTEGER NOT NULL,
    registered_count INTEGER NOT NULL,
    deregistered_count INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    instance_name TEXT NOT NULL,
    description TEXT NOT NULL,
    ip_address_range TEXT NOT NULL,
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    instance_id TEXT,                  -- of the only instance it is for
    code BLOB                          -- sealed; kept only with such an instance, to boot it
);

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    description TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    region_id TEXT NOT NULL,
    zone_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    instance_type TEXT NOT NULL,
    private_ip TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    due_at BIGINT,
    ordered_at BIGINT,
    forced INTEGER NOT NULL,
    boot_id TEXT,
    from_boot_id TEXT,
    failure TEXT NOT NULL,
    activation_id TEXT,
    user_data BLOB NOT NULL,
    tags TEXT NOT NULL,
    resource_group_id TEXT NOT NULL,
    deletion_protection INTEGER NOT NULL,
    claimed_by TEXT,
    claim_epoch BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    CHECK (state IN ('Pending', 'Starting', 'Running', 'Stopping', 'Stopped',
                     'Rebooting', 'Releasing', 'Released'))
);
CREATE INDEX instances_due ON instances (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX instances_newest ON instances (created_at, id) WHERE state <> 'Released';

CREATE TABLE managed_instances (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    activation_id TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    deregistered_at BIGINT,
    internet_ip TEXT NOT NULL,
    tags TEXT NOT NULL,
    resource_group_id TEXT NOT NULL
);

CREATE TABLE agents (
    instance_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    key BLOB NOT NULL,                 -- sealed
    machine_id TEXT NOT NULL,
    version TEXT NOT NULL,
    os_type TEXT NOT NULL,
    os_version TEXT NOT NULL,
    hostname TEXT NOT NULL,
    intranet_ip TEXT NOT NULL,
    last_seen_at BIGINT,
    boot_id TEXT,
    uptime BIGINT,                     -- ms at last_seen_at
    pid INTEGER NOT NULL,
    invocation_count INTEGER NOT NULL,
    last_invoked_at BIGINT
);

CREATE TABLE invocations (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    command_id TEXT NOT NULL,
    command_name TEXT NOT NULL,
    command_type TEXT NOT NULL,
    content BLOB NOT NULL,
    detail TEXT NOT NULL,              -- what nothing searches
    repeat_mode TEXT NOT NULL,
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX invocations_newest ON invocations (created_at, id);
CREATE INDEX invocations_by_command ON invocations (command_id);

CREATE TABLE targets (
    invoke_id TEXT NOT NULL REFERENCES invocations (id) ON DELETE CASCADE,
    instance_id TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deadline_at BIGINT,
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
    CHECK (state IN ('Pending', 'Running', 'Stopping', 'Success', 'Failed', 'Error', 'Timeout',
                     'Cancelled', 'Terminated', 'Invalid', 'Aborted')),
    -- Nothing that is not final is without a deadline, and nothing that is final has one.
    CHECK ((deadline_at IS NULL) = (state NOT IN ('Pending', 'Running', 'Stopping')))
);
CREATE INDEX targets_unfinished ON targets (instance_id) WHERE deadline_at IS NOT NULL;
CREATE INDEX targets_due ON targets (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX targets_newest ON targets (created_at, invoke_id, instance_id);
CREATE INDEX targets_by_instance ON targets (instance_id, created_at);

-- In the same file as the targets, so that a result and its output become durable together.
CREATE TABLE outputs (
    invoke_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    position BIGINT NOT NULL,          -- of the first byte, in what is kept
    bytes BLOB NOT NULL,
    checksum BIGINT NOT NULL,          -- CRC-32
    PRIMARY KEY (invoke_id, instance_id, position),
    FOREIGN KEY (invoke_id, instance_id) REFERENCES targets (invoke_id, instance_id)
        ON DELETE CASCADE
);

CREATE TABLE power_actions (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL,
    invoke_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    asked_at BIGINT NOT NULL,
    deadline_at BIGINT,
    boot_id_before TEXT,
    boot_id_after TEXT,
    done_at BIGINT,
    UNIQUE (invoke_id, instance_id),
    CHECK (state IN ('Ordered', 'Down', 'Done', 'Overdue')),
    CHECK ((deadline_at IS NULL) = (state IN ('Done', 'Overdue')))
);
CREATE INDEX power_actions_open ON power_actions (instance_id) WHERE deadline_at IS NOT NULL;

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    from_state TEXT NOT NULL,
    event TEXT NOT NULL,
    to_state TEXT NOT NULL,
    at BIGINT NOT NULL,
    source TEXT NOT NULL               -- who brought the event: caller, agent, or a loop
);
CREATE INDEX events_by_id ON events (id, number);
