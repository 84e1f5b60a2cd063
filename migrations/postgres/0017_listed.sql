-- Where a photo came from is asked long after, by the moment of its message. There are few of these among very many; those
-- that webhooks brought are found by their state and moment.
CREATE INDEX journal_entry_listed ON journal_entry (account_id, listed_at) WHERE listed_at IS NOT NULL;
