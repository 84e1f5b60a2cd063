-- When a carrier does not tell what it has.

-- Since when the carrier's list could not be read in full, round after round; absent where the last round could.
ALTER TABLE line_account ADD COLUMN unlisted_since INTEGER;

-- Since when the pictures of messages in the carrier's list could not be told, round after round; absent where none wait.
ALTER TABLE line_account ADD COLUMN untold_since INTEGER;
