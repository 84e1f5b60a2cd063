-- How often everyone may ask.

-- What each one asked for since the beginning of their minute, shared by every process. Losing it in a crash loses
-- nothing that matters, so it is not written ahead.
CREATE UNLOGGED TABLE request_window (
    -- A keyed hash: it may stand for a network address.
    subject_hash BYTEA PRIMARY KEY,
    began_at BIGINT NOT NULL,
    taken BIGINT NOT NULL
);
