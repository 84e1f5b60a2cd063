-- Sending by WhatsApp: freely within 24 hours after a patient's message, and approved templates at any time.

-- Messages that WhatsApp has approved for an account, or may yet, as the carrier lists them. One that is not listed any
-- more stays as withdrawn: messages that were sent name it.
CREATE TABLE whatsapp_template (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    account_id BLOB NOT NULL REFERENCES line_account (id),
    carrier_id TEXT NOT NULL,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    body TEXT NOT NULL,
    -- JSON, by placeholder.
    examples TEXT NOT NULL,
    state TEXT NOT NULL,
    UNIQUE (account_id, carrier_id)
) STRICT;

-- When they were last asked for; absent for never.
ALTER TABLE line_account ADD COLUMN templates_fetched_at INTEGER;

-- What a message was sent as, and with what filled in: JSON, by placeholder. Its text is what the patient got.
ALTER TABLE message ADD COLUMN template_id BLOB REFERENCES whatsapp_template (id);
ALTER TABLE message ADD COLUMN template_variables TEXT;

-- The patient's last message by WhatsApp on a line.
CREATE INDEX message_whatsapp ON message (conversation_id, line_id, at)
    WHERE direction = 'inbound' AND channel = 'whatsapp';
