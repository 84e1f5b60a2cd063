-- What admins are told of while it is so, and what /metrics counts: few rows among very many.
CREATE INDEX message_uncertain ON message (org_id, state_at) WHERE state = 'uncertain';
