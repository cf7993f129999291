-- Instances that do not start by themselves once they are made.

ALTER TABLE instances ADD COLUMN starts INTEGER NOT NULL DEFAULT 1;
