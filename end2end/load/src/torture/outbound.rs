//! Staff write: each message has an id of its writer's making, and is posted until it is accepted.

use super::dice::Dice;
use super::{Ground, PATIENCE, WRITERS, numbered};
use anyhow::{Result, bail};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long one answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

const FORM: &str = "multipart/form-data; boundary=edge";

/// A message that somebody wanted sent.
pub(super) struct Asked {
    pub(super) number: usize,
    /// The server answered that it sends it.
    pub(super) accepted: bool,
}

/// The part of a message that is looked at.
#[derive(Deserialize)]
struct Created {
    id: Uuid,
}

/// One person writes one message after the other, to anybody, until all are written.
pub(super) async fn write(
    ground: Arc<Ground>,
    writer: usize,
    conversations: Arc<Vec<Uuid>>,
) -> Result<Vec<Asked>> {
    let mut dice = Dice::new(ground.seed, &format!("writer {writer}"));
    let mut asked = Vec::new();
    loop {
        tokio::time::sleep(ground.pause(&mut dice, WRITERS)).await;
        let Some(number) = ground.next_outbound() else { return Ok(asked) };
        let Some(conversation) = conversations.get(dice.below(conversations.len())) else {
            bail!("there is nobody to write to")
        };
        asked.push(ask(&ground, *conversation, number, &mut dice).await?);
    }
}

async fn ask(ground: &Ground, conversation: Uuid, number: usize, dice: &mut Dice) -> Result<Asked> {
    // Sometimes the writer gives up: the message may go out once, or not at all.
    let most = dice.chance(3).then(|| 1 + dice.below(2));
    let began = Instant::now();
    let mut tries = 0;
    loop {
        let call = || post(ground, conversation, number);
        let (one, other) = match dice.chance(15) {
            true => tokio::join!(call(), call()),
            false => (call().await, Ok(None)),
        };
        match (one?, other?) {
            (Some(one), Some(other)) if one != other => {
                bail!("outbound message {number}: one client_id became the messages {one} and {other}")
            }
            (None, None) => {}
            _ => return Ok(Asked { number, accepted: true }),
        }
        tries += 1;
        if most.is_some_and(|most| tries >= most) {
            return Ok(Asked { number, accepted: false });
        }
        if began.elapsed() > PATIENCE {
            bail!("outbound message {number} was never accepted");
        }
        tokio::time::sleep(dice.between(Duration::from_millis(100), Duration::from_secs(1))).await;
    }
}

/// A form with photos, as a browser sends it.
fn form(fields: &[(&str, &str)], text: &str, photos: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let field = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(field.as_bytes());
    }
    for position in 0..photos {
        let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.png\"\r\n\
                    Content-Type: image/png\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&numbered::photo(text, position));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}

/// Posts it once; the message's id where it was accepted, and `None` where it is to be posted again.
async fn post(ground: &Ground, conversation: Uuid, number: usize) -> Result<Option<Uuid>> {
    let conversation = format!("{}/api/conversations/{conversation}", ground.doors.public());
    let to = |call: &str| {
        let url = ground.doors.through(&format!("{conversation}/{call}"));
        ground.client.post(url).bearer_auth(&ground.token).timeout(ANSWER_WITHIN)
    };
    let text = numbered::outbound_text(number);
    let client_id = format!("torture-{:x}-{number}", ground.seed);
    let request = match numbered::outbound_photos(number) {
        0 => to("reply").json(&json!({ "message": text, "client_id": client_id })),
        photos => {
            let request = to("reply-with-media").header(CONTENT_TYPE, FORM);
            request.body(form(&[("message", &text), ("client_id", &client_id)], &text, photos))
        }
    };
    let Ok(answer) = request.send().await else { return Ok(None) };
    let status = answer.status().as_u16();
    let Ok(body) = answer.bytes().await else { return Ok(None) };
    match status {
        200..=299 => {
            let created: Created = serde_json::from_slice(&body)?;
            Ok(Some(created.id))
        }
        400..=499 if !matches!(status, 408 | 429) => {
            bail!("outbound message {number} was refused ({status}): {}", String::from_utf8_lossy(&body))
        }
        _ => Ok(None),
    }
}
