//! Links as the store keeps them.

use crate::keys::Purpose;
use crate::store::{Tx, args, placeholders};
use crate::{Backend, Error, Result};
use model::link::{LinkState, LinkView};
use model::{ConversationId, MessageId, Millis, OrgId, ShareLinkId};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use uuid::Uuid;

/// The columns of [`Record`], for messages `m` that carry a link `s` and fulfil a condition.
macro_rules! select_links {
    ($condition:literal) => {
        concat!(
            "SELECT m.id AS carried_by, m.conversation_id, s.id, s.org_id, s.message_id, s.token_sealed, s.expires_at,
                    s.openings_allowed, s.openings, s.asks_birth_date, s.tries_left, s.revoked_at, s.first_opened_at,
                    s.last_opened_at, s.opened_by
             FROM message m JOIN share_link s ON s.id = m.share_link_id WHERE ",
            $condition
        )
    };
}

/// A link, and one of the messages that carry it.
#[derive(sqlx::FromRow)]
pub(super) struct Record {
    carried_by: Uuid,
    conversation_id: Uuid,
    pub(super) id: Uuid,
    org_id: Uuid,
    pub(super) message_id: Uuid,
    token_sealed: Vec<u8>,
    pub(super) expires_at: Millis,
    openings_allowed: Option<i64>,
    openings: i64,
    pub(super) asks_birth_date: bool,
    pub(super) tries_left: i64,
    revoked_at: Option<Millis>,
    first_opened_at: Option<Millis>,
    last_opened_at: Option<Millis>,
    opened_by: Option<Vec<u8>>,
}

impl Record {
    /// The link that a message carries.
    ///
    /// # Errors
    /// `NotFound` for a message without one, or of another organisation.
    pub(super) async fn of_message(tx: &mut Tx, org: OrgId, message: MessageId) -> Result<Self> {
        let found = tx.one(select_links!("m.id = $1 AND m.org_id = $2"), args![message, org]).await?;
        found.ok_or_else(|| Error::not_found("private link"))
    }

    /// The link that a message leaves with, whoever asks.
    pub(super) async fn carried_by(tx: &mut Tx, message: MessageId) -> Result<Option<Self>> {
        Ok(tx.one(select_links!("m.id = $1"), args![message]).await?)
    }

    /// One of an organisation, with the message whose pictures it shows.
    pub(super) async fn load(tx: &mut Tx, org: OrgId, id: ShareLinkId) -> Result<Option<Self>> {
        let condition = select_links!("s.id = $1 AND s.org_id = $2 AND m.id = s.message_id");
        Ok(tx.one(condition, args![id, org]).await?)
    }

    /// The link that this secret opens, with the message whose pictures it shows.
    pub(super) async fn of_token(backend: &Backend, tx: &mut Tx, token: &str) -> Result<Option<Self>> {
        let hash = backend.keys.hash(Purpose::ShareLink, token);
        Ok(tx.one(select_links!("s.token_hash = $1 AND m.id = s.message_id"), args![hash]).await?)
    }

    pub(super) fn org(&self) -> OrgId {
        self.org_id.into()
    }

    pub(super) fn conversation(&self) -> ConversationId {
        self.conversation_id.into()
    }

    pub(super) fn opens_once(&self) -> bool {
        self.openings_allowed.is_some()
    }

    /// Whether it was opened last by this form, after `since`.
    pub(super) fn was_opened_by(&self, form: &[u8], since: Millis) -> bool {
        self.opened_by.as_deref() == Some(form) && self.last_opened_at.is_some_and(|at| at > since)
    }

    /// What can be done about it comes last: what is over for good is said first.
    pub(super) fn state(&self, now: Millis) -> LinkState {
        if self.revoked_at.is_some() {
            LinkState::Revoked
        } else if self.openings_allowed.is_some_and(|allowed| self.openings >= allowed) {
            LinkState::UsedUp
        } else if self.expires_at <= now {
            LinkState::Expired
        } else if self.tries_left <= 0 {
            LinkState::Locked
        } else {
            LinkState::Open
        }
    }

    /// Its address, for the patient alone.
    pub(super) fn address(&self, backend: &Backend) -> Result<String> {
        let token = backend.keys.open(Purpose::ShareLink, &self.token_sealed)?;
        let token =
            String::from_utf8(token).map_err(|_| Error::Inconsistent("a link's secret is no text"))?;
        Ok(super::address_base(backend) + &token)
    }

    fn view(&self, now: Millis) -> LinkView {
        LinkView {
            message_id: self.message_id.into(),
            state: self.state(now),
            expires_at: self.expires_at,
            openings: u32::try_from(self.openings).unwrap_or(0),
            first_opened_at: self.first_opened_at,
            last_opened_at: self.last_opened_at,
            one_opening: self.opens_once(),
            ask_birth_date: self.asks_birth_date,
        }
    }
}

/// The links of messages. A message without one is absent.
pub(crate) async fn views_of_messages(
    backend: &Backend,
    tx: &mut Tx,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, LinkView>> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let now = backend.clock.now();
    let sql = format!(select_links!("m.id IN ({})"), placeholders(1, messages.len()));
    let ids = messages.iter().map(|id| (*id).into()).collect();
    let links: Vec<Record> = tx.all(AssertSqlSafe(sql), ids).await?;
    Ok(links.into_iter().map(|link| (link.carried_by.into(), link.view(now))).collect())
}
