-- Whether the operator made the link on the server: only such a one may set the password of a person who works in
-- several organisations.
ALTER TABLE one_time_link ADD COLUMN by_operator INTEGER NOT NULL DEFAULT 0;

-- Names one attempt in both of its rows, so that it alone can be forgotten when the password was right.
ALTER TABLE sign_in_attempt ADD COLUMN attempt_id BLOB;

-- A keyed hash of a constant under each key, so that a wrong key is noticed before it is used.
CREATE TABLE key_canary (
    name TEXT PRIMARY KEY,
    hash BLOB NOT NULL
) STRICT;

-- Lower case, for searching; filled in by the server when it starts, since SQLite folds ASCII only.
ALTER TABLE patient ADD COLUMN reference_folded TEXT;
