-- Who may do what: users and roles of an account, and the policies that are attached to them.

ALTER TABLE access_keys ADD COLUMN of_whom TEXT NOT NULL DEFAULT 'root';
ALTER TABLE access_keys ADD COLUMN token TEXT NOT NULL DEFAULT '';    -- a digest; of a role only
ALTER TABLE access_keys ADD COLUMN expires_at BIGINT;                 -- of a role only
CREATE INDEX access_keys_of ON access_keys (account_id, of_whom);
CREATE INDEX access_keys_due ON access_keys (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE users (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    display_name TEXT NOT NULL,
    comments TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE roles (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    trust TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE policies (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE attachments (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,                -- of whom the policy is attached to
    name TEXT NOT NULL,                -- of the user or role
    system INTEGER NOT NULL,           -- whether the policy comes with Cloudhand
    policy TEXT NOT NULL,
    attached_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, name, system, policy),
    CHECK (kind IN ('RAMUser', 'AssumedRoleUser'))
);
CREATE INDEX attachments_of_policy ON attachments (account_id, system, policy);

-- Until now there was one key, its owner's, and no role.
UPDATE executions SET executed_by = 'root' WHERE executed_by IN (SELECT id FROM access_keys);
INSERT INTO roles (account_id, name, created_at, trust, description)
    SELECT DISTINCT account_id, 'OOSServiceRole', 0,
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["oos.aliyuncs.com"]}}]}',
        'What templates do by default.'
    FROM access_keys;
INSERT INTO attachments (account_id, kind, name, system, policy, attached_at)
    SELECT account_id, 'AssumedRoleUser', name, 1, 'AliyunECSFullAccess', 0 FROM roles;
INSERT INTO attachments (account_id, kind, name, system, policy, attached_at)
    SELECT account_id, 'AssumedRoleUser', name, 1, 'AliyunOOSFullAccess', 0 FROM roles;
