-- When a carrier does not tell what it has.

-- Servers of the version before go on working meanwhile: it gives way, and is tried again, rather than have them wait behind it
-- while a dump of the database holds the table.
SET LOCAL lock_timeout = '500ms';

-- Since when the carrier's list could not be read in full, round after round; absent where the last round could.
ALTER TABLE line_account ADD COLUMN unlisted_since BIGINT;

-- Since when the pictures of messages in the carrier's list could not be told, round after round; absent where none wait.
ALTER TABLE line_account ADD COLUMN untold_since BIGINT;
