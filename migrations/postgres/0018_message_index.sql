-- Finding old texts by their words.

-- A server of the version before may go on writing meanwhile: each of its messages is to stand in the index. And it may
-- hold a conversation while it waits for the messages, so that no other table that is in use is asked for here.
LOCK TABLE message IN SHARE ROW EXCLUSIVE MODE;

-- The words of a text, folded, with a space between: lower case, Latin letters without accents, and nothing that is
-- neither letter nor digit, as SQLite's tokenizer does it. The collation is named, or the words would depend on that of
-- the database. What is ASCII alone is spared the long way.
CREATE FUNCTION message_fold(body TEXT) RETURNS TEXT LANGUAGE SQL IMMUTABLE PARALLEL SAFE AS $$
    SELECT trim(regexp_replace(
        lower(CASE WHEN octet_length(body) = length(body) THEN body ELSE normalize(
            regexp_replace(normalize(body, NFD), '([A-Za-z])[\u0300-\u036F]+', '\1', 'g'), NFC
        ) END COLLATE "und-x-icu"),
        '[^[:alnum:]]+', ' ', 'g'
    ))
$$;

-- Words of a text as they are looked up. No text may be refused for its length: words and texts beyond any message's
-- size count with their beginnings.
CREATE FUNCTION message_lexemes(body TEXT) RETURNS TSVECTOR LANGUAGE SQL IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(ARRAY(
        SELECT left(word, 64) FROM unnest(string_to_array(message_fold(left(body, 20000)), ' ')) AS word
        WHERE word <> ''
    ))
$$;

-- Which messages contain a word, numbered in the order in which they came; the texts themselves stay in `message`.
CREATE TABLE message_index (
    doc BIGINT GENERATED ALWAYS AS IDENTITY,
    message_id UUID NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
    org_id UUID NOT NULL,
    words TSVECTOR NOT NULL,
    PRIMARY KEY (org_id, doc)
);

INSERT INTO message_index (message_id, org_id, words)
    SELECT id, org_id, message_lexemes(body) FROM message ORDER BY at, id;

-- What is not merged into the index yet is read by every search: not much of it.
CREATE INDEX message_index_words ON message_index USING GIN (words) WITH (gin_pending_list_limit = 512);

CREATE FUNCTION message_index_made() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_index (message_id, org_id, words)
        SELECT id, org_id, message_lexemes(body) FROM made ORDER BY at, id;
    RETURN NULL;
END
$$;
CREATE TRIGGER message_index_made AFTER INSERT ON message
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION message_index_made();

CREATE FUNCTION message_index_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE message_index SET words = message_lexemes(NEW.body) WHERE message_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER message_index_changed AFTER UPDATE OF body ON message
    FOR EACH ROW WHEN (OLD.body <> NEW.body) EXECUTE FUNCTION message_index_changed();
