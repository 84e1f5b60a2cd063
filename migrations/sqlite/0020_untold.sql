-- When a carrier does not tell what it has.

-- Since when the pictures of messages in the carrier's list could not be told, round after round; absent where none wait.
ALTER TABLE line_account ADD COLUMN untold_since INTEGER;
