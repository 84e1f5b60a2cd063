-- What is known for certain of a message, and what was asked for by a person.

-- Its sender chose the line by name, which says nothing about the number that the patient knows.
ALTER TABLE message ADD COLUMN line_asked BOOLEAN NOT NULL DEFAULT FALSE;
