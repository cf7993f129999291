-- Who is told of what goes wrong: channels, what each of them is still to be told, and what was
-- seen already.

CREATE TABLE notification_channels (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    address BLOB NOT NULL,             -- sealed
    secret BLOB NOT NULL,              -- sealed; empty: nothing is signed
    occasions TEXT NOT NULL,           -- JSON
    language TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,            -- nothing is sent before
    message_id TEXT,                   -- of the one that is on its way
    began_at BIGINT,
    tries INTEGER NOT NULL,            -- that failed
    test_id TEXT,
    test_at BIGINT,
    test_outcome TEXT,                 -- empty: it arrived; none: it is on its way
    last_success_at BIGINT,
    last_error_at BIGINT,
    last_error TEXT NOT NULL,
    given_up_count BIGINT NOT NULL
);

CREATE TABLE news (
    number INTEGER PRIMARY KEY,
    channel TEXT NOT NULL REFERENCES notification_channels (name) ON DELETE CASCADE,
    message_id TEXT,                   -- none: it waits for the next message
    occasion TEXT NOT NULL,
    over INTEGER NOT NULL,
    at BIGINT NOT NULL,
    about TEXT NOT NULL,
    facts TEXT NOT NULL                -- JSON
);
CREATE INDEX news_by_channel ON news (channel, message_id, number);

-- Machines whose agents are known to be gone.
CREATE TABLE silences (
    instance_id TEXT PRIMARY KEY,
    since BIGINT NOT NULL
);

-- How far events were read, and how much was overdue.
CREATE TABLE notification_marks (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
