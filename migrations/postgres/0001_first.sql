-- The first schema. Every row belongs to an organisation; every instant is whole milliseconds since the Unix
-- epoch; ids are UUIDs of version 7. Columns named *_sealed hold AEAD ciphertext under the master key, columns
-- named *_hash a keyed hash, so that the file of the database alone tells no number and no credential.

CREATE TABLE organisation (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    person_word TEXT NOT NULL,
    -- The newest number of live_event; raised in the transaction that writes the event, so that numbers appear in order.
    live_seq BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

-- A person may work for several organisations; what they may do is said by each membership.
CREATE TABLE staff (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Argon2id in PHC form; absent until an invitation is taken up.
    password_hash TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE membership (
    org_id UUID NOT NULL REFERENCES organisation (id),
    staff_id UUID NOT NULL REFERENCES staff (id),
    role TEXT NOT NULL,
    disabled_at BIGINT,
    last_seen_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, staff_id)
);

CREATE TABLE session (
    token_hash BYTEA PRIMARY KEY,
    staff_id UUID NOT NULL REFERENCES staff (id),
    org_id UUID NOT NULL REFERENCES organisation (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_staff ON session (staff_id);

-- Invitations, password resets and the first admin's way in. Used once.
CREATE TABLE one_time_link (
    token_hash BYTEA PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    staff_id UUID NOT NULL REFERENCES staff (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE sign_in_attempt (
    -- Keyed hash of the e-mail address or of the caller's network address.
    subject_hash BYTEA NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX sign_in_attempt_subject ON sign_in_attempt (subject_hash, at);

CREATE TABLE api_token (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    created_by UUID REFERENCES staff (id),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_token_org ON api_token (org_id);

-- A telephone number, once per organisation; or the short code or name of a sender that has none.
CREATE TABLE number (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    hash BYTEA NOT NULL,
    address_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (org_id, hash)
);

-- Keyed hashes of a number's last 4 to 9 digits, so that it can be found by them.
CREATE TABLE number_tail (
    org_id UUID NOT NULL REFERENCES organisation (id),
    tail_hash BYTEA NOT NULL,
    number_id UUID NOT NULL REFERENCES number (id),
    PRIMARY KEY (org_id, tail_hash, number_id)
);

CREATE TABLE patient (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    -- Lower case, for searching and sorting.
    name_folded TEXT NOT NULL,
    born TEXT,
    reference TEXT,
    notes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX patient_name ON patient (org_id, name_folded, id);

CREATE TABLE patient_number (
    patient_id UUID NOT NULL REFERENCES patient (id),
    number_id UUID NOT NULL REFERENCES number (id),
    org_id UUID NOT NULL REFERENCES organisation (id),
    label TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (patient_id, number_id)
);
CREATE INDEX patient_number_number ON patient_number (number_id);

CREATE TABLE line (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    number_id UUID NOT NULL REFERENCES number (id),
    -- The secret part of the webhook paths.
    line_key TEXT NOT NULL UNIQUE,
    is_default BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);
CREATE INDEX line_org ON line (org_id);

-- The carriers behind a line. Inbound may come through any of them.
CREATE TABLE line_account (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    line_id UUID NOT NULL REFERENCES line (id),
    provider TEXT NOT NULL,
    -- JSON, its shape is the provider's.
    credentials_sealed BYTEA NOT NULL,
    -- off, observe, enforce: what to do with a webhook whose signature does not hold.
    verification TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    UNIQUE (line_id, provider)
);

CREATE TABLE conversation (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    number_id UUID NOT NULL REFERENCES number (id),
    assigned_to UUID REFERENCES staff (id),
    unread BIGINT NOT NULL DEFAULT 0,
    -- The newest message, kept here so that the inbox is one index walk.
    last_at BIGINT NOT NULL,
    last_message_id UUID,
    created_at BIGINT NOT NULL,
    UNIQUE (org_id, number_id)
);
CREATE INDEX conversation_inbox ON conversation (org_id, last_at, id);
CREATE INDEX conversation_assigned ON conversation (org_id, assigned_to, last_at, id);

CREATE TABLE conversation_patient (
    conversation_id UUID NOT NULL REFERENCES conversation (id),
    patient_id UUID NOT NULL REFERENCES patient (id),
    org_id UUID NOT NULL REFERENCES organisation (id),
    PRIMARY KEY (conversation_id, patient_id)
);
CREATE INDEX conversation_patient_patient ON conversation_patient (patient_id);

-- Who read a conversation, and when.
CREATE TABLE conversation_read (
    conversation_id UUID NOT NULL REFERENCES conversation (id),
    staff_id UUID NOT NULL REFERENCES staff (id),
    org_id UUID NOT NULL REFERENCES organisation (id),
    read_at BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, staff_id)
);

CREATE TABLE message (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    conversation_id UUID NOT NULL REFERENCES conversation (id),
    line_id UUID REFERENCES line (id),
    direction TEXT NOT NULL,
    channel TEXT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- Folded from its deliveries; an inbound message is delivered.
    state TEXT NOT NULL,
    state_at BIGINT NOT NULL,
    failure TEXT,
    parts BIGINT NOT NULL,
    author_id UUID REFERENCES staff (id),
    -- Outbound: chosen by the sender; content_hash tells a repetition from a different message with the same id.
    client_id TEXT,
    content_hash BYTEA,
    -- Inbound: through which account, under which id of the carrier.
    account_id UUID REFERENCES line_account (id),
    carrier_id TEXT,
    read_at BIGINT,
    UNIQUE (org_id, client_id),
    UNIQUE (account_id, carrier_id)
);
CREATE INDEX message_thread ON message (conversation_id, at, id);
CREATE INDEX message_unread ON message (conversation_id, at) WHERE direction = 'inbound' AND read_at IS NULL;

-- One request to a carrier for a message or a part of it. A retry is a new row; the old one stays as it ended.
CREATE TABLE delivery (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    message_id UUID NOT NULL REFERENCES message (id),
    account_id UUID NOT NULL REFERENCES line_account (id),
    -- 0 for the first request of a message; a carrier that takes one picture gets one request each.
    part BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    state TEXT NOT NULL,
    -- Set and committed before the carrier is called. Set without an outcome means: nobody knows.
    marked_at BIGINT,
    carrier_id TEXT,
    carrier_state TEXT,
    error_code TEXT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    state_at BIGINT NOT NULL,
    UNIQUE (message_id, part, attempt),
    UNIQUE (account_id, carrier_id)
);

-- A status that came before the answer which tells its message's id.
CREATE TABLE parked_status (
    account_id UUID NOT NULL REFERENCES line_account (id),
    carrier_id TEXT NOT NULL,
    state TEXT NOT NULL,
    carrier_state TEXT,
    error_code TEXT,
    failure TEXT,
    -- The carrier says that the number has opted out.
    opted_out BOOLEAN NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, carrier_id, state)
);

CREATE TABLE attachment (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    -- Absent for an upload that is not sent yet.
    message_id UUID REFERENCES message (id),
    position BIGINT NOT NULL,
    direction TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    -- Inbound: where the carrier offers it.
    remote_url_sealed BYTEA,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    byte_size BIGINT NOT NULL,
    sha256 BYTEA,
    width BIGINT,
    height BIGINT,
    uploaded_by UUID REFERENCES staff (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX attachment_message ON attachment (message_id, position);

CREATE TABLE patient_image (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    patient_id UUID NOT NULL REFERENCES patient (id),
    -- Where it came from; absent for a direct upload. The bytes are a copy of their own.
    attachment_id UUID REFERENCES attachment (id),
    message_id UUID REFERENCES message (id),
    category TEXT NOT NULL,
    caption TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    byte_size BIGINT NOT NULL,
    sha256 BYTEA,
    width BIGINT,
    height BIGINT,
    filed_by UUID REFERENCES staff (id),
    filed_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX patient_image_patient ON patient_image (patient_id, filed_at, id);
CREATE INDEX patient_image_org ON patient_image (org_id, filed_at, id);
-- A photo stands in a record once, however often and from however many windows it is filed.
CREATE UNIQUE INDEX patient_image_once ON patient_image (patient_id, attachment_id) WHERE deleted_at IS NULL;

-- Derived copies. The owner is an attachment or a patient image; both kinds of id are unique among each other.
CREATE TABLE rendition (
    owner_id UUID NOT NULL,
    role TEXT NOT NULL,
    org_id UUID NOT NULL REFERENCES organisation (id),
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    byte_size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner_id, role)
);

-- Webhooks as they arrived, durable before they are answered.
CREATE TABLE journal_entry (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    account_id UUID NOT NULL REFERENCES line_account (id),
    kind TEXT NOT NULL,
    -- The carrier's id of the event, with its status for status events, or a hash of the body.
    external_id TEXT NOT NULL,
    request_sealed BYTEA NOT NULL,
    -- pending, done, poisoned, quarantined.
    state TEXT NOT NULL,
    failure TEXT,
    received_at BIGINT NOT NULL,
    done_at BIGINT,
    UNIQUE (account_id, kind, external_id)
);
CREATE INDEX journal_entry_state ON journal_entry (org_id, state, received_at);

CREATE TABLE job (
    id UUID PRIMARY KEY,
    org_id UUID REFERENCES organisation (id),
    kind TEXT NOT NULL,
    payload_sealed BYTEA NOT NULL,
    -- Jobs with the same key run one after the other, in the order they were made.
    order_key TEXT,
    -- ready, running, failed. A job that succeeded is deleted.
    state TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    failure TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX job_due ON job (state, run_at);
CREATE INDEX job_order ON job (order_key, id);

CREATE TABLE live_event (
    org_id UUID NOT NULL REFERENCES organisation (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- JSON of model::live::Change: ids only.
    change TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
);

-- What a number agreed to or withdrew, append-only. The newest entry per number and channel holds.
CREATE TABLE consent_entry (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    number_id UUID NOT NULL REFERENCES number (id),
    -- sms (MMS included) or whatsapp.
    channel TEXT NOT NULL,
    -- granted, withdrawn.
    state TEXT NOT NULL,
    -- keyword, carrier, staff.
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    staff_id UUID REFERENCES staff (id),
    at BIGINT NOT NULL
);
CREATE INDEX consent_entry_number ON consent_entry (number_id, channel, at, id);

CREATE TABLE audit_entry (
    id UUID PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organisation (id),
    at BIGINT NOT NULL,
    -- A member of staff, an API token, or nobody for what the server does by itself.
    staff_id UUID REFERENCES staff (id),
    api_token_id UUID REFERENCES api_token (id),
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id UUID
);
CREATE INDEX audit_entry_subject ON audit_entry (org_id, subject_kind, subject_id, at);
