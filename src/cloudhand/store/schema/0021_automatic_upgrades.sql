-- Upgrades of agents that nobody asks for one by one.

ALTER TABLE agent_upgrades ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN process_started_at BIGINT;  -- of the agent; NULL: it never beat
