//! Old texts by their words, in the index that the database keeps of every message's text.

use crate::limits::{self, Action, Whose};
use crate::store::{Tx, args, placeholders};
use crate::{Backend, Caller, Error, Result};
use model::message::FoundMessage;
use model::staff::Permission;
use model::{Millis, OrgId, Page};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use uuid::Uuid;

/// Messages on a page.
const PAGE: usize = 50;

/// Words of a search that are looked at.
const MAX_WORDS: usize = 8;

/// Characters of a word that PostgreSQL's index keeps; see its migration.
const MAX_WORD: usize = 64;

/// The last word is the beginning of one from so many characters on: with fewer, most texts would have one.
const MIN_BEGINNING: usize = 3;

/// So many of the newest messages are gone through before PostgreSQL's index of words is asked.
const NEWEST: usize = 10_000;

/// Characters of an excerpt, and how many of them at most stand before the word that was found.
const EXCERPT: usize = 160;
const LEAD: usize = 40;

/// Characters of a text that are looked at for its excerpt.
const LOOKED_AT: usize = 2000;

/// A message with its place in the order in which they came.
type Place = (i64, Uuid);

/// Messages whose texts have all these words, in any order, case and with or without accents, those that came last first,
/// 50 a page. The last word may be the beginning of one. Without any word there is nothing to find.
///
/// # Errors
/// `Invalid` for a cursor that no page gave, and `TooManyRequests` for a caller who had their share of searches.
pub async fn search(
    backend: &Backend,
    caller: &Caller,
    text: &str,
    cursor: Option<&str>,
) -> Result<Page<FoundMessage>> {
    caller.require(Permission::ReadConversations)?;
    let before = cursor.map(read_cursor).transpose()?.unwrap_or(i64::MAX);
    let words = words(text);
    if words.is_empty() {
        return Ok(Page { items: Vec::new(), next: None });
    }
    limits::take(backend, Action::Search, Whose::Caller(caller)).await?;
    let mut tx = backend.store.read().await?;
    let mut places = if tx.is_postgres() {
        by_tsvector(&mut tx, caller.org_id, &words, before).await?
    } else {
        by_fts5(&mut tx, caller.org_id, &words, before).await?
    };
    let more = places.len() > PAGE;
    places.truncate(PAGE);
    let next = places.last().filter(|_| more).map(|(doc, _)| format!("{doc:x}"));
    Ok(Page { items: views(&mut tx, &places, &words).await?, next })
}

/// SQLite walks the places of the words backwards, and stops when the page is full.
async fn by_fts5(tx: &mut Tx, org: OrgId, words: &[String], before: i64) -> Result<Vec<Place>> {
    // In this order: otherwise it might go through the organisation and ask for the words of each message.
    let sql = "SELECT i.doc, i.message_id FROM message_words CROSS JOIN message_index i
               WHERE message_words MATCH $1 AND message_words.rowid < $2 AND i.doc = message_words.rowid
               AND i.org_id = $3 ORDER BY message_words.rowid DESC LIMIT $4";
    Ok(tx.all(sql, args![query(words, '"', " ", "*"), before, org, PAGE + 1]).await?)
}

/// PostgreSQL's index knows no order and would collect every place of a word that half of the messages have. Such a word
/// fills a page from the newest messages alone; the index is asked for the others.
async fn by_tsvector(tx: &mut Tx, org: OrgId, words: &[String], before: i64) -> Result<Vec<Place>> {
    let folded: Option<(String,)> = tx.one("SELECT message_fold($1)", args![words.join(" ")]).await?;
    let (folded,) = folded.unwrap_or_default();
    let words: Vec<String> =
        folded.split_whitespace().map(|word| word.chars().take(MAX_WORD).collect()).collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let query = query(&words, '\'', " & ", ":*");
    let newest: Vec<Place> = tx
        .all(
            "SELECT doc, message_id FROM (SELECT doc, message_id, words FROM message_index
                                          WHERE org_id = $1 AND doc < $2 ORDER BY doc DESC LIMIT $4) newest
             WHERE words @@ CAST($3 AS tsquery) ORDER BY doc DESC LIMIT $5",
            args![org, before, &query, NEWEST, PAGE + 1],
        )
        .await?;
    if newest.len() > PAGE {
        return Ok(newest);
    }
    // Collected first and sorted then: otherwise it might go through all messages in the order that is asked for.
    let found = tx
        .all(
            "WITH found AS MATERIALIZED (SELECT doc, message_id FROM message_index
                                         WHERE words @@ CAST($3 AS tsquery) AND org_id = $1 AND doc < $2)
             SELECT doc, message_id FROM found ORDER BY doc DESC LIMIT $4",
            args![org, before, &query, PAGE + 1],
        )
        .await?;
    Ok(found)
}

/// The words in the language of an index, each in quotation marks, so that none is an operator; words have no such marks
/// in them.
fn query(words: &[String], mark: char, and: &str, beginning: &str) -> String {
    let quoted = words.iter().enumerate().map(|(n, word)| {
        let is_beginning = n + 1 == words.len() && word.chars().count() >= MIN_BEGINNING;
        format!("{mark}{word}{mark}{}", if is_beginning { beginning } else { "" })
    });
    quoted.collect::<Vec<_>>().join(and)
}

/// The words of what a person typed. An accent may be a character of its own.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(MAX_WORDS)
        .map(str::to_lowercase)
        .collect()
}

async fn views(tx: &mut Tx, places: &[Place], words: &[String]) -> Result<Vec<FoundMessage>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id, conversation_id, at, SUBSTR(body, 1, {LOOKED_AT}) FROM message WHERE id IN ({})",
        placeholders(1, places.len())
    );
    let ids = places.iter().map(|(_, id)| (*id).into()).collect();
    let rows: Vec<(Uuid, Uuid, Millis, String)> = tx.all(AssertSqlSafe(sql), ids).await?;
    let mut found: HashMap<Uuid, FoundMessage> = rows
        .into_iter()
        .map(|(id, conversation, at, body)| {
            let excerpt = excerpt(&body, words);
            let message =
                FoundMessage { message_id: id.into(), conversation_id: conversation.into(), at, excerpt };
            (id, message)
        })
        .collect();
    Ok(places.iter().filter_map(|(_, id)| found.remove(id)).collect())
}

/// A piece of a text around the first of the words; its beginning where they are written otherwise in it, for example
/// with accents.
fn excerpt(text: &str, words: &[String]) -> String {
    let text: Vec<char> = text.chars().collect();
    // One for one, so that places in it are places in the text.
    let lower: Vec<char> = text.iter().map(|&c| c.to_lowercase().next().unwrap_or(c)).collect();
    let found = words.iter().filter_map(|word| beginning_of(&lower, word)).min().unwrap_or(0);
    let start = found.saturating_sub(LEAD).min(text.len().saturating_sub(EXCERPT));
    let piece = text.iter().skip(start).take(EXCERPT);
    if start == 0 { piece.collect() } else { ['…'].iter().chain(piece.take(EXCERPT - 1)).collect() }
}

/// Where a word of a text begins with this one.
fn beginning_of(text: &[char], word: &str) -> Option<usize> {
    let word: Vec<char> = word.chars().collect();
    let begins = |at: usize| at == 0 || !text[at - 1].is_alphanumeric();
    (0..text.len()).find(|&at| begins(at) && text[at..].starts_with(&word))
}

fn read_cursor(cursor: &str) -> Result<i64> {
    i64::from_str_radix(cursor, 16)
        .map_err(|_| Error::invalid("cursor", "This cursor is not one that a previous page gave."))
}

#[cfg(test)]
mod tests {
    use super::{EXCERPT, excerpt, query, words};

    #[test]
    fn what_a_person_types_is_words_and_nothing_else() {
        assert_eq!(words(" It's \"NEAR(a*)\" - x:y "), ["it", "s", "near", "a", "x", "y"]);
        assert_eq!(words("CAFÉ cafe\u{301}"), ["café", "cafe\u{301}"]);
        for nothing in ["", "  ", "'\"*()", "\u{301}", "👍"] {
            assert!(words(nothing).is_empty(), "{nothing}");
        }
        assert_eq!(words("1 2 3 4 5 6 7 8 9").len(), 8);
    }

    #[test]
    fn the_last_word_is_a_beginning_unless_it_is_short() {
        assert_eq!(query(&words("tooth ache"), '"', " ", "*"), r#""tooth" "ache"*"#);
        assert_eq!(query(&words("tooth ac"), '\'', " & ", ":*"), "'tooth' & 'ac'");
    }

    #[test]
    fn an_excerpt_shows_the_word_that_was_found() {
        let long = format!("{}The crown is loose. {}", "Hello there. ".repeat(30), "Bye. ".repeat(100));
        let shown = excerpt(&long, &words("CROWN"));
        assert!(shown.starts_with('…') && shown.contains("The crown is loose"), "{shown}");
        assert_eq!(shown.chars().count(), EXCERPT);
        assert_eq!(excerpt("Does it hurt?", &words("hurt")), "Does it hurt?");
        // Not within a word, and where it is written otherwise the beginning.
        let shown = excerpt(&format!("{}café", "uncafe ".repeat(100)), &words("cafe"));
        assert!(shown.starts_with("uncafe"), "{shown}");
        assert_eq!(excerpt("", &words("x")), "");
    }
}
