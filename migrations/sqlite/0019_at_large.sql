-- Changes are numbered apart from the organisation, which every row refers to: on PostgreSQL each reference looks at the
-- organisation's row, and a row that changes many times a second is slow to look at.
CREATE TABLE live_counter (
    org_id BLOB PRIMARY KEY REFERENCES organisation (id),
    seq INTEGER NOT NULL
) STRICT;
-- Servers of the version before go on counting in `organisation.live_seq` until they end, whose numbers are not to meet these:
-- the column goes with a later version.
INSERT INTO live_counter (org_id, seq) SELECT id, live_seq + 1000000 FROM organisation;
