-- Terminal sessions, and what became of each on its instances.

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    token_hash BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    terminal TEXT NOT NULL,            -- what is opened
    opener TEXT NOT NULL               -- who asked for it
);
CREATE INDEX sessions_newest ON sessions (created_at, id);

CREATE TABLE connections (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    instance_id TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    deadline_at BIGINT,
    fetched_at BIGINT,
    ended_at BIGINT,
    closed_reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (session_id, instance_id),
    CHECK (state IN ('Connecting', 'Connected', 'Disconnected', 'Terminated', 'Failed')),
    CHECK ((deadline_at IS NULL) = (state NOT IN ('Connecting', 'Connected')))
);
CREATE INDEX connections_by_instance ON connections (instance_id, session_id);
CREATE INDEX connections_due ON connections (deadline_at) WHERE deadline_at IS NOT NULL;
