-- Commands that are kept. Invocations hold what they ran themselves: it outlives its command.

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    type TEXT NOT NULL,
    content BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    working_dir TEXT NOT NULL,
    timeout BIGINT NOT NULL,           -- seconds
    enable_parameter INTEGER NOT NULL,
    launcher TEXT NOT NULL,
    invoke_count BIGINT NOT NULL,      -- outlives the invocations
    resource_group_id TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX commands_newest ON commands (created_at, id);
