-- The accounts that were opened beside the first. Each has a store of its own, which knows no others.

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
