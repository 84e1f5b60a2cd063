-- Finding: patients by parts of their names, and what is unread. Old texts by their words: see 0018.

CREATE INDEX conversation_unread ON conversation (org_id, last_at, id) WHERE unread > 0;
-- Where a photo of a thread was filed.
CREATE INDEX patient_image_attachment ON patient_image (attachment_id);

-- Where the words of a patient's name and reference go on from their first, second, third … letter, folded: a part of
-- a name is the beginning of one of these. Written by the server, since SQLite folds ASCII only.
CREATE TABLE patient_name_part (
    patient_id BLOB NOT NULL REFERENCES patient (id),
    part TEXT NOT NULL,
    org_id BLOB NOT NULL REFERENCES organisation (id),
    PRIMARY KEY (patient_id, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX patient_name_part_part ON patient_name_part (org_id, part, patient_id);
-- Whether its parts are written; the server does so when it starts, and now and then.
ALTER TABLE patient ADD COLUMN name_indexed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX patient_unindexed ON patient (id) WHERE NOT name_indexed;

-- Whoever changes a name and knows of no parts, such as a server of the version before, leaves them to be written anew.
CREATE TRIGGER patient_renamed AFTER UPDATE OF name, reference ON patient
    WHEN old.name <> new.name OR old.reference IS NOT new.reference BEGIN
    UPDATE patient SET name_indexed = 0 WHERE id = new.id;
END;
