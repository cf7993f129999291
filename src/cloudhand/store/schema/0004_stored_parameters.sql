-- The parameter store, and what of executions is hidden.

CREATE TABLE stored_parameters (
    id TEXT PRIMARY KEY,
    secret INTEGER NOT NULL,           -- 0: a common one
    name TEXT NOT NULL,
    path TEXT NOT NULL,                -- of the folder that the name is in
    type TEXT NOT NULL,
    description TEXT NOT NULL,
    constraints TEXT NOT NULL,         -- JSON as it was given; empty: none
    key_id TEXT NOT NULL,
    dkms_instance_id TEXT NOT NULL,
    latest INTEGER NOT NULL,           -- number of the newest version
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    UNIQUE (secret, name)
);
CREATE INDEX stored_parameters_newest ON stored_parameters (secret, created_at, name);

CREATE TABLE stored_parameter_versions (
    parameter_id TEXT NOT NULL REFERENCES stored_parameters (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    value TEXT,                        -- of a common one
    sealed BLOB,                       -- of a secret one
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (parameter_id, number),
    CHECK ((value IS NULL) <> (sealed IS NULL))
);

-- What was asked is sealed together with what was answered: a fingerprint of a request that holds
-- a secret is enough to try passwords against.
DELETE FROM client_tokens;
ALTER TABLE client_tokens DROP COLUMN fingerprint;

ALTER TABLE executions ADD COLUMN hidden TEXT NOT NULL DEFAULT '{}';       -- JSON
ALTER TABLE executions ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE task_executions ADD COLUMN hidden TEXT NOT NULL DEFAULT '[]';  -- JSON
