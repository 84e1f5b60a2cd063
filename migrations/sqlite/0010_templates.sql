-- Whose word on templates is kept, and when it was given.

-- Which carrier listed a template: while the server only pretends to send, the simulator lists its own beside those of
-- the account's carrier.
ALTER TABLE whatsapp_template ADD COLUMN provider TEXT NOT NULL DEFAULT '';
UPDATE whatsapp_template SET provider = (SELECT a.provider FROM line_account a WHERE a.id = account_id);

-- Why the carrier did not list any when it was last asked, for staff; absent where it did. What is kept is asked for
-- anew.
ALTER TABLE line_account ADD COLUMN templates_refused TEXT;
UPDATE line_account SET templates_fetched_at = NULL;
