-- The tags of invocations in the order of a page, so that a page of one tag reads no others: what
-- stands in invocations.tags, a row for each, with what a page tells of the invocation.

CREATE TABLE invocation_tags (
    tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    invoke_id TEXT NOT NULL REFERENCES invocations (id) ON DELETE CASCADE,
    target_count BIGINT NOT NULL,
    PRIMARY KEY (invoke_id, tag_key)
);
CREATE INDEX invocation_tags_by_value
    ON invocation_tags (tag_key, tag_value, created_at, invoke_id, target_count);
CREATE INDEX invocation_tags_by_key
    ON invocation_tags (tag_key, created_at, invoke_id, target_count);

INSERT INTO invocation_tags
    SELECT each.key, each.value, created_at, invocations.id, target_count
    FROM invocations, json_each(tags) AS each;

CREATE TRIGGER invocation_came AFTER INSERT ON invocations BEGIN
    INSERT INTO invocation_tags
        SELECT key, value, NEW.created_at, NEW.id, NEW.target_count FROM json_each(NEW.tags);
END;
CREATE TRIGGER invocation_tagged AFTER UPDATE OF tags ON invocations BEGIN
    DELETE FROM invocation_tags WHERE invoke_id = NEW.id;
    INSERT INTO invocation_tags
        SELECT key, value, NEW.created_at, NEW.id, NEW.target_count FROM json_each(NEW.tags);
END;
CREATE TRIGGER invocation_grew AFTER UPDATE OF target_count ON invocations BEGIN
    UPDATE invocation_tags SET target_count = NEW.target_count WHERE invoke_id = NEW.id;
END;
