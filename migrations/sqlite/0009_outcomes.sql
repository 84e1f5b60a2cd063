-- What is known for certain of a message, and what was asked for by a person.

-- Its sender chose the line by name, which says nothing about the number that the patient knows.
ALTER TABLE message ADD COLUMN line_asked INTEGER NOT NULL DEFAULT 0;

-- Bytes of the pictures that the carrier was offered: where it finds them too large hours later, half as many follow.
ALTER TABLE delivery ADD COLUMN offered_bytes INTEGER;

-- A status that came too early may be the one that another attempt follows: whose doing the failure is (message,
-- carrier, account), and whether it is the size of the pictures.
ALTER TABLE parked_status ADD COLUMN blame TEXT;
ALTER TABLE parked_status ADD COLUMN too_large INTEGER NOT NULL DEFAULT 0;

-- A keyed hash of what the page carried whose button opened it last: pressing that button twice is one opening.
ALTER TABLE share_link ADD COLUMN opened_by BLOB;

-- A person asked for this attempt: every carrier of the line may be asked anew.
ALTER TABLE delivery ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
