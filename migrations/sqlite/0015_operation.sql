-- What admins are told of while it is so, and what /metrics counts: few rows among very many.
CREATE INDEX message_uncertain ON message (org_id, state_at) WHERE state = 'uncertain';

-- From here on a journal_entry may also be `dismissed`: it could not be read, and an admin said that nobody needs it.
