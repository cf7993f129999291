ALTER TABLE agents ADD COLUMN gone_at BIGINT;  -- from when on it is not online, unless heard of
