-- Upgrades of agents that nobody asks for one by one.

ALTER TABLE agent_upgrades ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN started_at BIGINT;  -- the agent that beat last; NULL: it never did
