-- Private links: whoever holds one looks at the pictures of a message, which do not travel themselves.

CREATE TABLE share_link (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    -- Whose pictures it shows.
    message_id UUID NOT NULL UNIQUE REFERENCES message (id),
    token_hash BYTEA NOT NULL UNIQUE,
    -- So that it can be sent again.
    token_sealed BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Absent: as often as one likes.
    openings_allowed BIGINT,
    openings BIGINT NOT NULL DEFAULT 0,
    asks_birth_date BOOLEAN NOT NULL,
    -- Wrong dates of birth that it still takes.
    tries_left BIGINT NOT NULL,
    revoked_at BIGINT,
    first_opened_at BIGINT,
    last_opened_at BIGINT,
    created_by UUID REFERENCES staff (id),
    created_at BIGINT NOT NULL
);

-- The link that its text ends with: its own, or that of an earlier message which it sends again.
ALTER TABLE message ADD COLUMN share_link_id UUID REFERENCES share_link (id);
CREATE INDEX message_share_link ON message (share_link_id) WHERE share_link_id IS NOT NULL;
