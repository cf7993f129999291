-- A policy is changed by a new version, which takes the place of the one before.

ALTER TABLE policies ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE policies ADD COLUMN changed_at BIGINT;
