//! What a message costs: by the tariff from the moment at which the carrier takes it, until the carrier tells the price.
//! What only a simulator got in the carrier's place costs nothing and never shows a price; what it brought costs zero.

use crate::conversations::rows::known;
use crate::lines::{self, Route};
use crate::store::{Tx, args, placeholders};
use crate::{Backend, Result};
use model::line::{Currency, Price, ProviderKind};
use model::message::Channel;
use model::{DeliveryId, LineAccountId, MessageId};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use uuid::Uuid;

/// A carrier took a delivery: in so many parts, where it said.
pub(crate) async fn taken(
    backend: &Backend,
    tx: &mut Tx,
    delivery: DeliveryId,
    account: LineAccountId,
    parts: Option<u32>,
) -> Result<()> {
    let row: Option<(String, i64, bool)> = tx
        .one(
            "SELECT m.channel, m.parts, d.mock FROM delivery d JOIN message m ON m.id = d.message_id WHERE d.id = $1",
            args![delivery],
        )
        .await?;
    let Some((channel, counted, false)) = row else { return Ok(()) };
    let channel = known(Channel::from_word(&channel))?;
    let parts = match channel {
        Channel::Sms => parts.or(u32::try_from(counted).ok()),
        Channel::Mms | Channel::Whatsapp => None,
    };
    let tariff = lines::route_in(backend, tx, account, None).await?.and_then(|route| route.tariff());
    let price = tariff.and_then(|tariff| tariff.sent(channel, parts.unwrap_or(1)));
    tx.execute("UPDATE delivery SET parts = $2 WHERE id = $1", args![delivery, parts]).await?;
    tx.execute(
        "UPDATE delivery SET price_micros = $2, price_currency = $3 WHERE id = $1 AND NOT price_by_carrier",
        args![delivery, price.map(|price| price.micros), price.map(|price| price.currency.as_str())],
    )
    .await?;
    Ok(())
}

/// The carrier tells what a delivery cost, which goes before any tariff.
pub(crate) async fn told(tx: &mut Tx, delivery: DeliveryId, price: Price) -> Result<()> {
    tx.execute(
        "UPDATE delivery SET price_micros = $2, price_currency = $3, price_by_carrier = $4 WHERE id = $1 AND NOT mock",
        args![delivery, price.micros, price.currency.as_str(), true],
    )
    .await?;
    Ok(())
}

/// What a message costs that came in through this route, by its tariff.
pub(crate) fn received(backend: &Backend, route: &Route, channel: Channel, parts: usize) -> Option<Price> {
    if backend.settings.mock_mode && route.provider == ProviderKind::Simulator {
        // Known to be nothing, whatever the currency: reports must not count it among those without a price.
        let currency = route.tariff().map_or(Currency::Usd, |tariff| tariff.currency);
        return Some(Price { micros: 0, currency });
    }
    let count = if channel == Channel::Sms { u32::try_from(parts).ok()? } else { 1 };
    route.tariff()?.received(channel, count)
}

/// What messages cost, those of them whose price is known in one currency; and whether any of it is by the tariff.
pub(crate) async fn of_messages(
    tx: &mut Tx,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, (Price, bool)>> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT message_id, MIN(price_currency), CAST(SUM(price_micros) AS BIGINT),
                CAST(SUM(CASE WHEN price_by_carrier THEN 0 ELSE 1 END) AS BIGINT)
         FROM delivery WHERE price_micros IS NOT NULL AND message_id IN ({})
         GROUP BY message_id HAVING COUNT(DISTINCT price_currency) = 1",
        placeholders(1, messages.len())
    );
    let ids = messages.iter().map(|id| (*id).into()).collect();
    let rows: Vec<(Uuid, String, i64, i64)> = tx.all(AssertSqlSafe(sql), ids).await?;
    rows.into_iter()
        .map(|(id, currency, micros, estimated)| {
            let currency = known(Currency::from_word(&currency))?;
            Ok((id.into(), (Price { micros, currency }, estimated > 0)))
        })
        .collect()
}
