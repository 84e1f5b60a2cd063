//! Patients write: the carrier calls the server for each message until it is answered.

use super::carrier::file_sid;
use super::dice::Dice;
use super::twilio::{ACCOUNT, Hook, LINE};
use super::{Ground, PATIENCE, numbered};
use anyhow::{Result, bail};
use model::Millis;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A message that the carrier told of.
pub(super) struct Brought {
    pub(super) number: usize,
    /// Photos that came with it.
    pub(super) media: usize,
    /// When the server had answered that it has it.
    pub(super) acknowledged: Option<Millis>,
}

/// One patient writes one message after the other, until all are written.
pub(super) async fn write(ground: Arc<Ground>, sender: usize) -> Result<Vec<Brought>> {
    let mut dice = Dice::new(ground.seed, &format!("sender {sender}"));
    let mut brought = Vec::new();
    loop {
        tokio::time::sleep(ground.pause(&mut dice, ground.senders.len())).await;
        let Some(number) = ground.next_inbound() else { return Ok(brought) };
        // Sometimes the carrier gives up: nothing was promised for that message then.
        let tries = dice.chance(5).then(|| 1 + dice.below(3));
        brought.push(bring(&ground, sender, number, tries, &mut dice).await?);
    }
}

/// Tells the server of a message until it is answered well, or `most` times.
pub(super) async fn bring(
    ground: &Ground,
    sender: usize,
    number: usize,
    most: Option<usize>,
    dice: &mut Dice,
) -> Result<Brought> {
    let media = if dice.chance(20) { 1 + dice.below(2) } else { 0 };
    let hook = hook(ground, sender, number, media);
    let began = Instant::now();
    let mut tries = 0;
    loop {
        for status in ring(ground, &hook, dice.chance(15)).await {
            match status {
                200..=299 => {
                    if dice.chance(5) {
                        // Once more, although it was answered.
                        hook.call(&ground.client, &ground.doors).await;
                    }
                    return Ok(Brought { number, media, acknowledged: Some(ground.clock.now()) });
                }
                400..=499 if !matches!(status, 408 | 429) => {
                    bail!("a carrier would give up: the webhook of message {number} was answered {status}")
                }
                _ => {}
            }
        }
        tries += 1;
        if most.is_some_and(|most| tries >= most) {
            return Ok(Brought { number, media, acknowledged: None });
        }
        if began.elapsed() > PATIENCE {
            bail!("the webhook of message {number} was never answered well");
        }
        tokio::time::sleep(dice.between(Duration::from_millis(100), Duration::from_secs(1))).await;
    }
}

/// Calls once, or twice at the same time; the statuses that were answered, the good ones first.
async fn ring(ground: &Ground, hook: &Hook, twice: bool) -> Vec<u16> {
    let call = || hook.call(&ground.client, &ground.doors);
    let mut statuses: Vec<u16> = match twice {
        true => {
            let (one, other) = tokio::join!(call(), call());
            one.into_iter().chain(other).collect()
        }
        false => call().await.into_iter().collect(),
    };
    statuses.sort_unstable();
    statuses
}

fn hook(ground: &Ground, sender: usize, number: usize, media: usize) -> Hook {
    let sid = numbered::inbound_sid(number, media);
    let from = ground.senders.get(sender).cloned().unwrap_or_default();
    let text = numbered::inbound_text(number);
    ground.carrier.takes_in(&sid, &from, &text, media);
    let mut fields = vec![
        ("AccountSid", ACCOUNT.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("Body", text),
        ("From", from),
        ("FromCountry", "AU".to_owned()),
        ("MessageSid", sid.clone()),
        ("NumMedia", media.to_string()),
        ("NumSegments", "1".to_owned()),
        ("SmsMessageSid", sid.clone()),
        ("SmsSid", sid.clone()),
        ("SmsStatus", "received".to_owned()),
        ("To", LINE.to_owned()),
        ("ToCountry", "AU".to_owned()),
    ];
    let names = [("MediaUrl0", "MediaContentType0"), ("MediaUrl1", "MediaContentType1")];
    for (position, (url, kind)) in names.into_iter().enumerate().take(media) {
        let file = file_sid(number, position);
        let folder = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media", ground.carrier_base);
        fields.push((url, format!("{folder}/{file}")));
        fields.push((kind, "image/png".to_owned()));
    }
    Hook { url: ground.inbound_url.clone(), fields }
}
