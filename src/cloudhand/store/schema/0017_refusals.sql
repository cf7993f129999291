-- What machines refuse by rules of their own: now, as their agents say with each beat, and a power action.

ALTER TABLE agents ADD COLUMN refusals TEXT NOT NULL DEFAULT '{}';

CREATE TABLE new_power_actions (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL,
    invoke_id TEXT NOT NULL,
    run BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    asked_at BIGINT NOT NULL,
    deadline_at BIGINT,
    boot_id_before TEXT,
    boot_id_after TEXT,
    done_at BIGINT,
    UNIQUE (invoke_id, instance_id, run),
    CHECK (state IN ('Ordered', 'Down', 'Done', 'Refused', 'Overdue')),
    CHECK ((deadline_at IS NULL) = (state IN ('Done', 'Refused', 'Overdue')))
);
INSERT INTO new_power_actions
    SELECT id, instance_id, invoke_id, run, kind, state, version, asked_at, deadline_at,
        boot_id_before, boot_id_after, done_at
    FROM power_actions;
DROP TABLE power_actions;
ALTER TABLE new_power_actions RENAME TO power_actions;
CREATE INDEX power_actions_open ON power_actions (instance_id) WHERE deadline_at IS NOT NULL;
