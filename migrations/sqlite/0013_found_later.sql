-- What webhooks did not bring, and the carriers' lists did.

-- For a message that no webhook brought: when its carrier says that it came. Absent for everything that was brought.
ALTER TABLE journal_entry ADD COLUMN listed_at INTEGER;

-- It came from such an entry.
ALTER TABLE message ADD COLUMN found_later INTEGER NOT NULL DEFAULT 0;

-- Until when the carrier's list is known to have been read; absent for never.
ALTER TABLE line_account ADD COLUMN reconciled_until INTEGER;

-- Deliveries that nobody is sure about are looked for again and again. There are few of them among very many.
CREATE INDEX delivery_uncertain ON delivery (account_id, marked_at) WHERE state = 'uncertain';
