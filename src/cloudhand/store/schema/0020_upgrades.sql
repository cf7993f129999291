-- Upgrades of agents: what runs where, and the last upgrade of each.

ALTER TABLE agents ADD COLUMN release TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN package TEXT NOT NULL DEFAULT '';  -- SHA-256, hex
ALTER TABLE agents ADD COLUMN upgradable INTEGER NOT NULL DEFAULT 0;

CREATE TABLE agent_upgrades (
    instance_id TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    from_release TEXT NOT NULL,
    from_package TEXT NOT NULL,
    to_release TEXT NOT NULL,
    to_package TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    deadline_at BIGINT,                -- NULL once the state is final
    ended_at BIGINT,
    CHECK (state IN ('Asked', 'Trying', 'Upgraded', 'RolledBack', 'Refused', 'TimedOut')),
    CHECK ((deadline_at IS NULL) = (state NOT IN ('Asked', 'Trying')))
);

CREATE INDEX agent_upgrades_due ON agent_upgrades (deadline_at);
