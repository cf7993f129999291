-- What published agents say of themselves, the last of it.

CREATE TABLE notices (
    id INTEGER PRIMARY KEY,            -- in the order in which they came
    instance_id TEXT NOT NULL REFERENCES agents (instance_id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT NOT NULL,
    detail TEXT NOT NULL,
    heard_at BIGINT NOT NULL
);
CREATE INDEX notices_by_instance ON notices (instance_id, id);
