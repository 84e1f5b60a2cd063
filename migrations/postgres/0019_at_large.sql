-- Servers of the version before go on working meanwhile, with these tables in any order: it gives way and is tried again
-- rather than have one of them wait in a circle.
SET LOCAL lock_timeout = '500ms';

-- Changes are numbered apart from the organisation, which every row refers to: on PostgreSQL each reference looks at the
-- organisation's row, and a row that changes many times a second is slow to look at.
CREATE TABLE live_counter (
    org_id UUID PRIMARY KEY,
    seq BIGINT NOT NULL
) WITH (fillfactor = 10);
-- Servers of the version before go on counting in `organisation.live_seq` until they end, whose numbers are not to meet these:
-- the column goes with a later version.
INSERT INTO live_counter (org_id, seq) SELECT id, live_seq + 1000000 FROM organisation;

-- Each reference of a row that is written locks the row that it refers to. All webhooks refer to one organisation and one
-- account: whoever writes many at a time lines up there. Neither row is ever deleted, so nothing is lost with the locks.
ALTER TABLE journal_entry
    DROP CONSTRAINT journal_entry_org_id_fkey,
    DROP CONSTRAINT journal_entry_account_id_fkey;
ALTER TABLE job DROP CONSTRAINT job_org_id_fkey;
ALTER TABLE live_event DROP CONSTRAINT live_event_org_id_fkey;

-- PostgreSQL parses and plans a function in SQL anew for every call that it does not inline; this one keeps its plan.
CREATE OR REPLACE FUNCTION message_lexemes(body TEXT) RETURNS TSVECTOR LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN array_to_tsvector(ARRAY(
        SELECT left(word, 64) FROM unnest(string_to_array(message_fold(left(body, 20000)), ' ')) AS word
        WHERE word <> ''
    ));
END
$$;

-- By their bytes, as on SQLite: names that begin alike stand side by side in the index, whatever the database's own order.
ALTER TABLE patient ALTER COLUMN name_folded TYPE TEXT COLLATE "C";
