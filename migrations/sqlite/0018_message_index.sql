-- Finding old texts by their words.

-- Numbers messages in the order in which they came, for the index of words: the row number that SQLite gives a message
-- by itself may change with VACUUM.
CREATE TABLE message_index (
    doc INTEGER PRIMARY KEY,
    message_id BLOB NOT NULL UNIQUE,
    org_id BLOB NOT NULL
) STRICT;

-- Which messages contain a word; the texts themselves stay in `message`. Newest first is its own order backwards. Where
-- in a text a word stands is kept as well: of scripts whose vowels are signs, one word is several in a row to it.
CREATE VIRTUAL TABLE message_words USING fts5(
    body, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO message_index (message_id, org_id) SELECT id, org_id FROM message ORDER BY at, id;
INSERT INTO message_words (rowid, body)
    SELECT i.doc, m.body FROM message_index i JOIN message m ON m.id = i.message_id ORDER BY i.doc;

CREATE TRIGGER message_index_made AFTER INSERT ON message BEGIN
    INSERT INTO message_index (message_id, org_id) VALUES (new.id, new.org_id);
    INSERT INTO message_words (rowid, body)
        SELECT doc, new.body FROM message_index WHERE message_id = new.id;
END;
CREATE TRIGGER message_index_changed AFTER UPDATE OF body ON message WHEN old.body <> new.body BEGIN
    UPDATE message_words SET body = new.body
        WHERE rowid = (SELECT doc FROM message_index WHERE message_id = new.id);
END;
CREATE TRIGGER message_index_gone AFTER DELETE ON message BEGIN
    DELETE FROM message_words WHERE rowid = (SELECT doc FROM message_index WHERE message_id = old.id);
    DELETE FROM message_index WHERE message_id = old.id;
END;
