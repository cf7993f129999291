-- Upgrades of agents that nobody asks for one by one.

ALTER TABLE agent_upgrades ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
-- What has failed there last, until something has not.
ALTER TABLE agent_upgrades ADD COLUMN failed_package TEXT NOT NULL DEFAULT '';
ALTER TABLE agent_upgrades ADD COLUMN failed_at BIGINT;
UPDATE agent_upgrades SET failed_package = to_package, failed_at = ended_at
    WHERE state IN ('RolledBack', 'TimedOut');

ALTER TABLE agents ADD COLUMN process_started_at BIGINT;  -- of the agent; NULL: it never beat
