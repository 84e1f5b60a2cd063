//! Makes the organisation: what the product would have stored after years.

use super::database::{Database, Value};
use super::words::{Dice, Vocabulary};
use anyhow::{Context, Result};
use backend::keys::Purpose;
use backend::lines::{self, NewAccount};
use backend::numbers::TAIL_DIGITS;
use backend::patients::index_names;
use backend::testing::TestBackend;
use model::line::ProviderKind;
use model::{ConversationId, Millis};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// How large.
pub struct Size {
    /// Conversations, each with a number of its own.
    pub conversations: usize,
    /// Messages in all of them.
    pub messages: usize,
    /// Messages in the longest thread, at least.
    pub longest: usize,
}

/// What can be looked for in it.
pub struct Filled {
    /// The conversation with the most messages.
    pub longest: ConversationId,
    /// Names that a handful of patients have.
    pub rare_names: Vec<String>,
    /// A name that about every fourth patient has.
    pub common_name: String,
    /// Last digits of numbers, each of one conversation.
    pub last_digits: Vec<String>,
    /// Words that one in some thousand texts has, each in at least one.
    pub rare_words: Vec<String>,
    /// Words that one text in a hundred has.
    pub medium_words: Vec<String>,
    /// Words that one text in ten has.
    pub common_words: Vec<String>,
}

/// Messages come so often.
const BETWEEN: Duration = Duration::from_secs(30);

/// Rows that are made before they are written.
const AT_ONCE: usize = 50_000;

/// One conversation in so many has something that nobody has read.
const UNREAD: usize = 20;

/// One conversation in so many is with a stranger.
const STRANGERS: usize = 10;

struct Conversation {
    id: Uuid,
    number: Uuid,
    made_at: Millis,
    /// Its newest message, when it came, and whether it is the patient's.
    last: Option<(Uuid, Millis, bool)>,
    unread: bool,
}

struct Message {
    id: Uuid,
    conversation: usize,
    inbound: bool,
    at: Millis,
}

/// Fills the database behind a new backend, whose clock goes on meanwhile.
///
/// # Errors
/// Of the database.
pub async fn fill(clinic: &TestBackend, url: &str, size: &Size) -> Result<Filled> {
    let mut database = Database::connect(url).await?;
    let mut dice = Dice::new(2026);
    let (mut conversations, messages) = plan(clinic, size, &mut dice);
    for (at, conversation) in conversations.iter_mut().enumerate() {
        conversation.unread = at % UNREAD == 0 && conversation.last.is_some_and(|(_, _, inbound)| inbound);
    }
    let last_digits = write_numbers(clinic, &mut database, &conversations).await?;
    write_conversations(clinic, &mut database, &conversations).await?;
    let (rare_names, common_name) = write_patients(clinic, &mut database, &conversations, &mut dice).await?;
    index_names(&clinic.backend).await?;
    let texts = Vocabulary::of_texts();
    let used = write_messages(clinic, &mut database, &conversations, &messages, &texts, &mut dice).await?;
    add_quiet_carriers(clinic).await?;
    database.settle().await?;
    let words = |ranks: [usize; 4]| ranks.map(|rank| texts.words[rank].clone()).to_vec();
    let rare = texts.words.iter().zip(&used).skip(9000).filter(|(_, used)| **used > 0);
    let longest = conversations.first().context("an organisation without conversations")?;
    Ok(Filled {
        longest: longest.id.into(),
        rare_names,
        common_name,
        last_digits,
        rare_words: rare.map(|(word, _)| word.clone()).take(20).collect(),
        medium_words: words([90, 100, 110, 120]),
        common_words: words([8, 9, 14, 15]),
    })
}

/// Carriers through which messages leave at most: whether anything usually came through them is looked for in all that did.
async fn add_quiet_carriers(clinic: &TestBackend) -> Result<()> {
    let of_clinic = lines::list(&clinic.backend, &clinic.admin).await?;
    let line = of_clinic.first().context("a clinic without a line")?;
    for (provider, credentials) in [
        (ProviderKind::ClickSend, json!({"username": "clinic", "api_key": "key"})),
        (ProviderKind::MessageMedia, json!({"api_key": "key", "api_secret": "secret"})),
        (ProviderKind::SmsBroadcast, json!({"username": "clinic", "password": "secret"})),
    ] {
        let new = NewAccount { provider, credentials };
        lines::add_account(&clinic.backend, &clinic.admin, line.id, new).await?;
    }
    Ok(())
}

/// Who writes when. Every conversation has a message, the first one has as many as was asked for, and the others are as
/// unequally busy as real ones.
fn plan(clinic: &TestBackend, size: &Size, dice: &mut Dice) -> (Vec<Conversation>, Vec<Message>) {
    let clock = &clinic.backend.clock;
    let mut conversations: Vec<Conversation> = (0..size.conversations)
        .map(|_| Conversation {
            id: clock.new_id(),
            number: clock.new_id(),
            made_at: clock.now(),
            last: None,
            unread: false,
        })
        .collect();
    let every_longest = (size.messages / size.longest.max(1)).max(2);
    let every_next = (size.messages / size.conversations.max(1)).max(1);
    let mut messages = Vec::with_capacity(size.messages);
    for n in 0..size.messages {
        clock.advance(BETWEEN);
        let conversation = if n % every_longest == 1 {
            0
        } else if n % every_next == 0 {
            (n / every_next) % size.conversations
        } else {
            // Those in front are in more of these stretches.
            let stretch = dice.below(size.conversations) + 1;
            dice.below(stretch)
        };
        let message =
            Message { id: clock.new_id(), conversation, inbound: dice.below(2) == 0, at: clock.now() };
        conversations[conversation].last = Some((message.id, message.at, message.inbound));
        messages.push(message);
    }
    (conversations, messages)
}

/// Numbers of a country that does not exist. Answers last digits to look for.
async fn write_numbers(
    clinic: &TestBackend,
    database: &mut Database,
    conversations: &[Conversation],
) -> Result<Vec<String>> {
    let (org, keys) = (clinic.org.0, &clinic.backend.keys);
    let digits = |n: usize| format!("999{:08}", 10_000_000 + n * 7);
    for (chunk, some) in conversations.chunks(AT_ONCE).enumerate() {
        let mut numbers = Vec::with_capacity(some.len());
        let mut tails = Vec::with_capacity(some.len() * 6);
        for (n, conversation) in some.iter().enumerate() {
            let digits = digits(chunk * AT_ONCE + n);
            let address = format!("+{digits}");
            numbers.push(vec![
                Value::Id(conversation.number),
                Value::Id(org),
                Value::Bytes(keys.hash_address(&address)),
                Value::Bytes(keys.seal(Purpose::Number, address.as_bytes())),
                Value::Int(conversation.made_at),
            ]);
            for length in TAIL_DIGITS {
                let tail = keys.hash_tail(&digits[digits.len() - length..]);
                tails.push(vec![Value::Id(org), Value::Bytes(tail), Value::Id(conversation.number)]);
            }
        }
        database
            .insert("INSERT INTO number (id, org_id, hash, address_sealed, created_at) ", numbers)
            .await?;
        database.insert("INSERT INTO number_tail (org_id, tail_hash, number_id) ", tails).await?;
    }
    Ok((0..conversations.len().min(50)).map(|n| digits(n * conversations.len() / 50).split_off(5)).collect())
}

async fn write_conversations(
    clinic: &TestBackend,
    database: &mut Database,
    conversations: &[Conversation],
) -> Result<()> {
    for some in conversations.chunks(AT_ONCE) {
        let rows = some.iter().filter_map(|conversation| {
            let (last, last_at, _) = conversation.last?;
            Some(vec![
                Value::Id(conversation.id),
                Value::Id(clinic.org.0),
                Value::Id(conversation.number),
                Value::Int(i64::from(conversation.unread)),
                Value::Int(last_at),
                Value::Id(last),
                Value::Int(conversation.made_at),
            ])
        });
        let into =
            "INSERT INTO conversation (id, org_id, number_id, unread, last_at, last_message_id, created_at) ";
        database.insert(into, rows.collect()).await?;
    }
    Ok(())
}

/// Answers names that few have, and the one that most have.
async fn write_patients(
    clinic: &TestBackend,
    database: &mut Database,
    conversations: &[Conversation],
    dice: &mut Dice,
) -> Result<(Vec<String>, String)> {
    let (given, families) = (Vocabulary::of_given_names(), Vocabulary::of_families());
    let mut bearers = vec![0_usize; families.words.len()];
    let org = clinic.org.0;
    for (chunk, some) in conversations.chunks(AT_ONCE).enumerate() {
        let [mut patients, mut numbers, mut links] = [const { Vec::new() }; 3];
        for (n, conversation) in some.iter().enumerate() {
            let n = chunk * AT_ONCE + n;
            if n % STRANGERS == STRANGERS - 1 || conversation.last.is_none() {
                continue;
            }
            let family = families.any(dice);
            bearers[family] += 1;
            let name = format!("{} {}", given.words[given.any(dice)], families.words[family]);
            let reference = format!("R-{n:06}");
            let id: Uuid = clinic.backend.clock.new_id();
            patients.push(vec![
                Value::Id(id),
                Value::Id(org),
                Value::Text(name.clone()),
                Value::Text(name.to_lowercase()),
                Value::Text(reference.clone()),
                Value::Text(reference.to_lowercase()),
                Value::Text(String::new()),
                Value::Int(conversation.made_at),
            ]);
            numbers.push(vec![
                Value::Id(id),
                Value::Id(conversation.number),
                Value::Id(org),
                Value::Text(String::new()),
                Value::Int(0),
            ]);
            links.push(vec![Value::Id(conversation.id), Value::Id(id), Value::Id(org)]);
        }
        let into = "INSERT INTO patient (id, org_id, name, name_folded, reference, reference_folded, notes, created_at) ";
        database.insert(into, patients).await?;
        let into = "INSERT INTO patient_number (patient_id, number_id, org_id, label, position) ";
        database.insert(into, numbers).await?;
        let into = "INSERT INTO conversation_patient (conversation_id, patient_id, org_id) ";
        database.insert(into, links).await?;
    }
    let rare = families.words.iter().zip(&bearers).filter(|(_, bearers)| (1..=5).contains(*bearers));
    let rare: Vec<String> = rare.map(|(name, _)| name.clone()).take(20).collect();
    Ok((rare, given.words[0].clone()))
}

/// Answers how often each word was used.
async fn write_messages(
    clinic: &TestBackend,
    database: &mut Database,
    conversations: &[Conversation],
    messages: &[Message],
    texts: &Vocabulary,
    dice: &mut Dice,
) -> Result<Vec<usize>> {
    let mut used = vec![0; texts.words.len()];
    let org = clinic.org.0;
    let line = database.id("SELECT id FROM line").await?;
    let account = database.id("SELECT id FROM line_account").await?;
    for some in messages.chunks(AT_ONCE) {
        let mut rows = Vec::with_capacity(some.len());
        let mut deliveries = Vec::new();
        for message in some {
            let conversation = &conversations[message.conversation];
            let is_unread = conversation.unread && conversation.last.is_some_and(|(id, ..)| id == message.id);
            rows.push(vec![
                Value::Id(message.id),
                Value::Id(org),
                Value::Id(conversation.id),
                Value::Id(line),
                Value::Text(if message.inbound { "inbound" } else { "outbound" }.to_owned()),
                Value::Text("sms".to_owned()),
                Value::Text(texts.text(dice, &mut used)),
                Value::Int(message.at),
                Value::Text("delivered".to_owned()),
                Value::Int(message.at),
                Value::Int(1),
                Value::Id(account),
                Value::Maybe((message.inbound && !is_unread).then_some(message.at)),
            ]);
            if !message.inbound {
                // Its id is good for its only delivery as well: they are of different tables.
                deliveries.push(vec![
                    Value::Id(message.id),
                    Value::Id(org),
                    Value::Id(message.id),
                    Value::Id(account),
                    Value::Int(0),
                    Value::Int(1),
                    Value::Text("delivered".to_owned()),
                    Value::Int(message.at),
                    Value::Int(message.at),
                    Value::Int(message.at),
                ]);
            }
        }
        let into =
            "INSERT INTO message (id, org_id, conversation_id, line_id, direction, channel, body, at, state,
                        state_at, parts, account_id, read_at) ";
        database.insert(into, rows).await?;
        let into =
            "INSERT INTO delivery (id, org_id, message_id, account_id, part, attempt, state, marked_at,
                        created_at, state_at) ";
        database.insert(into, deliveries).await?;
    }
    Ok(used)
}
