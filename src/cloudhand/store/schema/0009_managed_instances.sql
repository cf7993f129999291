-- Machines that join again, and machines that were copied with their agent.

ALTER TABLE agents ADD COLUMN cloned_at BIGINT;  -- when two were seen to speak as this one, last
CREATE INDEX agents_by_machine ON agents (machine_id);
