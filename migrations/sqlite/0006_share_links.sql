-- Private links: whoever holds one looks at the pictures of a message, which do not travel themselves.

CREATE TABLE share_link (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    -- Whose pictures it shows.
    message_id BLOB NOT NULL UNIQUE REFERENCES message (id),
    token_hash BLOB NOT NULL UNIQUE,
    -- So that it can be sent again.
    token_sealed BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    -- Absent: as often as one likes.
    openings_allowed INTEGER,
    openings INTEGER NOT NULL DEFAULT 0,
    asks_birth_date INTEGER NOT NULL,
    -- Wrong dates of birth that it still takes.
    tries_left INTEGER NOT NULL,
    revoked_at INTEGER,
    first_opened_at INTEGER,
    last_opened_at INTEGER,
    created_by BLOB REFERENCES staff (id),
    created_at INTEGER NOT NULL
) STRICT;

-- The link that its text ends with: its own, or that of an earlier message which it sends again.
ALTER TABLE message ADD COLUMN share_link_id BLOB REFERENCES share_link (id);
CREATE INDEX message_share_link ON message (share_link_id) WHERE share_link_id IS NOT NULL;
