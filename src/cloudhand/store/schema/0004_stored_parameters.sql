-- What was asked is sealed together with what was answered: a fingerprint of a request that holds
-- a secret is enough to try passwords against.
DELETE FROM client_tokens;
ALTER TABLE client_tokens DROP COLUMN fingerprint;
