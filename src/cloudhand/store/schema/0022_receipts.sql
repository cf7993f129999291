-- What an agent says of how it ended a command's processes, as JSON; '': nothing.

ALTER TABLE targets ADD COLUMN receipt TEXT NOT NULL DEFAULT '';
ALTER TABLE past_runs ADD COLUMN receipt TEXT NOT NULL DEFAULT '';
