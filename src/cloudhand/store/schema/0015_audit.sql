-- Who did what. Rows are added and, when they are old, dropped; they are never changed.

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    reads INTEGER NOT NULL,            -- whether it changes nothing
    outcome TEXT NOT NULL,
    text TEXT NOT NULL,                -- the record, JSON, with the digest of the one before it
    digest TEXT NOT NULL               -- SHA-256 of the text
);
