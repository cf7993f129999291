-- How many targets are in each state, of each invocation and in all: counted as rows come, move and
-- go, so that a page of a million tells its total without reading them.

CREATE TABLE target_states (
    invoke_id TEXT NOT NULL REFERENCES invocations (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (invoke_id, state)
);
CREATE TABLE state_totals (
    state TEXT PRIMARY KEY,
    count BIGINT NOT NULL
);

INSERT INTO target_states SELECT invoke_id, state, count(*) FROM targets GROUP BY invoke_id, state;
INSERT INTO state_totals SELECT state, count(*) FROM targets GROUP BY state;

CREATE TRIGGER target_came AFTER INSERT ON targets BEGIN
    INSERT INTO target_states VALUES (NEW.invoke_id, NEW.state, 1)
        ON CONFLICT DO UPDATE SET count = count + 1;
    INSERT INTO state_totals VALUES (NEW.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER target_moved AFTER UPDATE OF state ON targets WHEN OLD.state <> NEW.state BEGIN
    UPDATE target_states SET count = count - 1
        WHERE invoke_id = OLD.invoke_id AND state = OLD.state;
    UPDATE state_totals SET count = count - 1 WHERE state = OLD.state;
    INSERT INTO target_states VALUES (NEW.invoke_id, NEW.state, 1)
        ON CONFLICT DO UPDATE SET count = count + 1;
    INSERT INTO state_totals VALUES (NEW.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
-- With an invocation its counts go, and then there is nothing to take from.
CREATE TRIGGER target_went AFTER DELETE ON targets BEGIN
    UPDATE target_states SET count = count - 1
        WHERE invoke_id = OLD.invoke_id AND state = OLD.state;
    UPDATE state_totals SET count = count - 1 WHERE state = OLD.state;
END;

CREATE INDEX targets_by_state ON targets (state, created_at, invoke_id, instance_id);
