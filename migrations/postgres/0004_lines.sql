-- Which secret of an account carriers that sign nothing must name; the one before it is taken as well until the
-- exchange is finished.
ALTER TABLE line_account ADD COLUMN secret_generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE line_account ADD COLUMN secret_exchanged_at BIGINT;

-- Through which carrier's door a webhook came: the account's own, or the simulator's while the server only pretends.
-- Absent in entries from before.
ALTER TABLE journal_entry ADD COLUMN provider TEXT;

-- Whether it was recorded while the server only pretended to send. Such a delivery never reaches a real phone later,
-- nor a real one the simulated phone.
ALTER TABLE delivery ADD COLUMN mock BOOLEAN NOT NULL DEFAULT FALSE;
