-- What machines refuse now by rules of their own, as their agents say with each beat.

ALTER TABLE agents ADD COLUMN refusals TEXT NOT NULL DEFAULT '{}';
