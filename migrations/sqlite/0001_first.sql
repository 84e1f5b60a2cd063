-- The first schema. Every row belongs to an organisation; every instant is whole milliseconds since the Unix
-- epoch; ids are UUIDs of version 7. Columns named *_sealed hold AEAD ciphertext under the master key, columns
-- named *_hash a keyed hash, so that the file of the database alone tells no number and no credential.

CREATE TABLE organisation (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    person_word TEXT NOT NULL,
    -- The newest number of live_event; raised in the transaction that writes the event, so that numbers appear in order.
    live_seq INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

-- A person may work for several organisations; what they may do is said by each membership.
CREATE TABLE staff (
    id BLOB PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Argon2id in PHC form; absent until an invitation is taken up.
    password_hash TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE membership (
    org_id BLOB NOT NULL REFERENCES organisation (id),
    staff_id BLOB NOT NULL REFERENCES staff (id),
    role TEXT NOT NULL,
    disabled_at INTEGER,
    last_seen_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, staff_id)
) STRICT;

CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,
    staff_id BLOB NOT NULL REFERENCES staff (id),
    org_id BLOB NOT NULL REFERENCES organisation (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_staff ON session (staff_id);

-- Invitations, password resets and the first admin's way in. Used once.
CREATE TABLE one_time_link (
    token_hash BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    staff_id BLOB NOT NULL REFERENCES staff (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;

CREATE TABLE sign_in_attempt (
    -- Keyed hash of the e-mail address or of the caller's network address.
    subject_hash BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_attempt_subject ON sign_in_attempt (subject_hash, at);

CREATE TABLE api_token (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    created_by BLOB REFERENCES staff (id),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_token_org ON api_token (org_id);

-- A telephone number, once per organisation; or the short code or name of a sender that has none.
CREATE TABLE number (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    hash BLOB NOT NULL,
    address_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (org_id, hash)
) STRICT;

-- Keyed hashes of a number's last 4 to 9 digits, so that it can be found by them.
CREATE TABLE number_tail (
    org_id BLOB NOT NULL REFERENCES organisation (id),
    tail_hash BLOB NOT NULL,
    number_id BLOB NOT NULL REFERENCES number (id),
    PRIMARY KEY (org_id, tail_hash, number_id)
) STRICT;

CREATE TABLE patient (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    -- Lower case, for searching and sorting.
    name_folded TEXT NOT NULL,
    born TEXT,
    reference TEXT,
    notes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX patient_name ON patient (org_id, name_folded, id);

CREATE TABLE patient_number (
    patient_id BLOB NOT NULL REFERENCES patient (id),
    number_id BLOB NOT NULL REFERENCES number (id),
    org_id BLOB NOT NULL REFERENCES organisation (id),
    label TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (patient_id, number_id)
) STRICT;
CREATE INDEX patient_number_number ON patient_number (number_id);

CREATE TABLE line (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    number_id BLOB NOT NULL REFERENCES number (id),
    -- The secret part of the webhook paths.
    line_key TEXT NOT NULL UNIQUE,
    is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;
CREATE INDEX line_org ON line (org_id);

-- The carriers behind a line. Inbound may come through any of them.
CREATE TABLE line_account (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    line_id BLOB NOT NULL REFERENCES line (id),
    provider TEXT NOT NULL,
    -- JSON, its shape is the provider's.
    credentials_sealed BLOB NOT NULL,
    -- off, observe, enforce: what to do with a webhook whose signature does not hold.
    verification TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    UNIQUE (line_id, provider)
) STRICT;

CREATE TABLE conversation (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    number_id BLOB NOT NULL REFERENCES number (id),
    assigned_to BLOB REFERENCES staff (id),
    unread INTEGER NOT NULL DEFAULT 0,
    -- The newest message, kept here so that the inbox is one index walk.
    last_at INTEGER NOT NULL,
    last_message_id BLOB,
    created_at INTEGER NOT NULL,
    UNIQUE (org_id, number_id)
) STRICT;
CREATE INDEX conversation_inbox ON conversation (org_id, last_at, id);
CREATE INDEX conversation_assigned ON conversation (org_id, assigned_to, last_at, id);

CREATE TABLE conversation_patient (
    conversation_id BLOB NOT NULL REFERENCES conversation (id),
    patient_id BLOB NOT NULL REFERENCES patient (id),
    org_id BLOB NOT NULL REFERENCES organisation (id),
    PRIMARY KEY (conversation_id, patient_id)
) STRICT;
CREATE INDEX conversation_patient_patient ON conversation_patient (patient_id);

-- Who read a conversation, and when.
CREATE TABLE conversation_read (
    conversation_id BLOB NOT NULL REFERENCES conversation (id),
    staff_id BLOB NOT NULL REFERENCES staff (id),
    org_id BLOB NOT NULL REFERENCES organisation (id),
    read_at INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, staff_id)
) STRICT;

CREATE TABLE message (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    conversation_id BLOB NOT NULL REFERENCES conversation (id),
    line_id BLOB REFERENCES line (id),
    direction TEXT NOT NULL,
    channel TEXT NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- Folded from its deliveries; an inbound message is delivered.
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    failure TEXT,
    parts INTEGER NOT NULL,
    author_id BLOB REFERENCES staff (id),
    -- Outbound: chosen by the sender; content_hash tells a repetition from a different message with the same id.
    client_id TEXT,
    content_hash BLOB,
    -- Inbound: through which account, under which id of the carrier.
    account_id BLOB REFERENCES line_account (id),
    carrier_id TEXT,
    read_at INTEGER,
    UNIQUE (org_id, client_id),
    UNIQUE (account_id, carrier_id)
) STRICT;
CREATE INDEX message_thread ON message (conversation_id, at, id);
CREATE INDEX message_unread ON message (conversation_id, at) WHERE direction = 'inbound' AND read_at IS NULL;

-- One request to a carrier for a message or a part of it. A retry is a new row; the old one stays as it ended.
CREATE TABLE delivery (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    message_id BLOB NOT NULL REFERENCES message (id),
    account_id BLOB NOT NULL REFERENCES line_account (id),
    -- 0 for the first request of a message; a carrier that takes one picture gets one request each.
    part INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    -- Set and committed before the carrier is called. Set without an outcome means: nobody knows.
    marked_at INTEGER,
    carrier_id TEXT,
    carrier_state TEXT,
    error_code TEXT,
    failure TEXT,
    created_at INTEGER NOT NULL,
    state_at INTEGER NOT NULL,
    UNIQUE (message_id, part, attempt),
    UNIQUE (account_id, carrier_id)
) STRICT;

-- A status that came before the answer which tells its message's id.
CREATE TABLE parked_status (
    account_id BLOB NOT NULL REFERENCES line_account (id),
    carrier_id TEXT NOT NULL,
    state TEXT NOT NULL,
    carrier_state TEXT,
    error_code TEXT,
    failure TEXT,
    -- The carrier says that the number has opted out.
    opted_out INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, carrier_id, state)
) STRICT;

CREATE TABLE attachment (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    -- Absent for an upload that is not sent yet.
    message_id BLOB REFERENCES message (id),
    position INTEGER NOT NULL,
    direction TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    -- Inbound: where the carrier offers it.
    remote_url_sealed BLOB,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 BLOB,
    width INTEGER,
    height INTEGER,
    uploaded_by BLOB REFERENCES staff (id),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attachment_message ON attachment (message_id, position);

CREATE TABLE patient_image (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    patient_id BLOB NOT NULL REFERENCES patient (id),
    -- Where it came from; absent for a direct upload. The bytes are a copy of their own.
    attachment_id BLOB REFERENCES attachment (id),
    message_id BLOB REFERENCES message (id),
    category TEXT NOT NULL,
    caption TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 BLOB,
    width INTEGER,
    height INTEGER,
    filed_by BLOB REFERENCES staff (id),
    filed_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX patient_image_patient ON patient_image (patient_id, filed_at, id);
CREATE INDEX patient_image_org ON patient_image (org_id, filed_at, id);
-- A photo stands in a record once, however often and from however many windows it is filed.
CREATE UNIQUE INDEX patient_image_once ON patient_image (patient_id, attachment_id) WHERE deleted_at IS NULL;

-- Derived copies. The owner is an attachment or a patient image; both kinds of id are unique among each other.
CREATE TABLE rendition (
    owner_id BLOB NOT NULL,
    role TEXT NOT NULL,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    byte_size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner_id, role)
) STRICT;

-- Webhooks as they arrived, durable before they are answered.
CREATE TABLE journal_entry (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    account_id BLOB NOT NULL REFERENCES line_account (id),
    kind TEXT NOT NULL,
    -- The carrier's id of the event, with its status for status events, or a hash of the body.
    external_id TEXT NOT NULL,
    request_sealed BLOB NOT NULL,
    -- pending, done, poisoned, quarantined.
    state TEXT NOT NULL,
    failure TEXT,
    received_at INTEGER NOT NULL,
    done_at INTEGER,
    UNIQUE (account_id, kind, external_id)
) STRICT;
CREATE INDEX journal_entry_state ON journal_entry (org_id, state, received_at);

CREATE TABLE job (
    id BLOB PRIMARY KEY,
    org_id BLOB REFERENCES organisation (id),
    kind TEXT NOT NULL,
    payload_sealed BLOB NOT NULL,
    -- Jobs with the same key run one after the other, in the order they were made.
    order_key TEXT,
    -- ready, running, failed. A job that succeeded is deleted.
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    failure TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX job_due ON job (state, run_at);
CREATE INDEX job_order ON job (order_key, id);

CREATE TABLE live_event (
    org_id BLOB NOT NULL REFERENCES organisation (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- JSON of model::live::Change: ids only.
    change TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
) STRICT;

-- What a number agreed to or withdrew, append-only. The newest entry per number and channel holds.
CREATE TABLE consent_entry (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    number_id BLOB NOT NULL REFERENCES number (id),
    -- sms (MMS included) or whatsapp.
    channel TEXT NOT NULL,
    -- granted, withdrawn.
    state TEXT NOT NULL,
    -- keyword, carrier, staff.
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    staff_id BLOB REFERENCES staff (id),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_entry_number ON consent_entry (number_id, channel, at, id);

CREATE TABLE audit_entry (
    id BLOB PRIMARY KEY,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    at INTEGER NOT NULL,
    -- A member of staff, an API token, or nobody for what the server does by itself.
    staff_id BLOB REFERENCES staff (id),
    api_token_id BLOB REFERENCES api_token (id),
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB
) STRICT;
CREATE INDEX audit_entry_subject ON audit_entry (org_id, subject_kind, subject_id, at);
