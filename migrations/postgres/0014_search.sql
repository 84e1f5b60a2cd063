-- Finding: patients by parts of their names, and what is unread. Old texts by their words: see 0018.

CREATE INDEX conversation_unread ON conversation (org_id, last_at, id) WHERE unread > 0;
-- Where a photo of a thread was filed.
CREATE INDEX patient_image_attachment ON patient_image (attachment_id);

-- Where the words of a patient's name and reference go on from their first, second, third … letter, folded: a part of
-- a name is the beginning of one of these. Written by the server, which folds alike on both engines. Compared byte by
-- byte, whatever the database's collation.
CREATE TABLE patient_name_part (
    patient_id UUID NOT NULL REFERENCES patient (id),
    part TEXT COLLATE "C" NOT NULL,
    org_id UUID NOT NULL REFERENCES organisation (id),
    PRIMARY KEY (patient_id, part)
);
CREATE INDEX patient_name_part_part ON patient_name_part (org_id, part, patient_id);
-- Whether its parts are written; the server does so when it starts, and now and then.
ALTER TABLE patient ADD COLUMN name_indexed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX patient_unindexed ON patient (id) WHERE NOT name_indexed;

-- Whoever changes a name and knows of no parts, such as a server of the version before, leaves them to be written anew.
CREATE FUNCTION patient_renamed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.name_indexed := FALSE;
    RETURN NEW;
END
$$;
CREATE TRIGGER patient_renamed BEFORE UPDATE OF name, reference ON patient
    FOR EACH ROW WHEN (OLD.name <> NEW.name OR OLD.reference IS DISTINCT FROM NEW.reference)
    EXECUTE FUNCTION patient_renamed();
