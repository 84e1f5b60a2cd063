-- How often everyone may ask. SQLite has one process, which counts requests in memory; on PostgreSQL a table is here.

-- Carriers take so many messages a second from one number. Before this nothing leaves through the account, and the next
-- one moves it on.
ALTER TABLE line_account ADD COLUMN next_send_at INTEGER NOT NULL DEFAULT 0;
-- The carrier asked for a pause until then: turns that were kept within it are void.
ALTER TABLE line_account ADD COLUMN sends_held_until INTEGER NOT NULL DEFAULT 0;
-- Milliseconds between two messages, or parts of one, where they are not the carrier's usual ones.
ALTER TABLE line_account ADD COLUMN send_pause_ms INTEGER;

-- The turn at its account that is kept for a delivery which had to wait for one.
ALTER TABLE delivery ADD COLUMN turn_at INTEGER;
