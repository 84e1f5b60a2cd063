-- How often everyone may ask.

-- What each one asked for since the beginning of their minute, shared by every process. Losing it in a crash loses
-- nothing that matters, so it is not written ahead.
CREATE UNLOGGED TABLE request_window (
    -- A keyed hash: it may stand for a network address.
    subject_hash BYTEA PRIMARY KEY,
    began_at BIGINT NOT NULL,
    taken BIGINT NOT NULL
);

-- Carriers take so many messages a second from one number. Before this nothing leaves through the account, and the next
-- one moves it on.
ALTER TABLE line_account ADD COLUMN next_send_at BIGINT NOT NULL DEFAULT 0;
-- The carrier asked for a pause until then: turns that were kept within it are void.
ALTER TABLE line_account ADD COLUMN sends_held_until BIGINT NOT NULL DEFAULT 0;
-- Milliseconds between two messages, or parts of one, where they are not the carrier's usual ones.
ALTER TABLE line_account ADD COLUMN send_pause_ms BIGINT;

-- The turn at its account that is kept for a delivery which had to wait for one.
ALTER TABLE delivery ADD COLUMN turn_at BIGINT;
