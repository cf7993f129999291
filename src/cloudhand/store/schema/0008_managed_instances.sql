-- Machines that join again or were copied with their agent, what published agents say of their
-- plugins, and the settings of an account for its agents.

ALTER TABLE agents ADD COLUMN cloned_at BIGINT;  -- when two were seen to speak as this one, last
CREATE INDEX agents_by_machine ON agents (machine_id);

CREATE TABLE plugins (
    instance_id TEXT NOT NULL REFERENCES agents (instance_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,              -- as it is told
    first_heard_at BIGINT NOT NULL,
    last_heard_at BIGINT NOT NULL,
    PRIMARY KEY (instance_id, name)
);
CREATE INDEX plugins_by_name ON plugins (name);

CREATE TABLE assistant_settings (
    account_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,               -- JSON
    PRIMARY KEY (account_id, purpose, kind)
);
