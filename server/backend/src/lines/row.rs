//! A line with one of its accounts, as stored.

use super::addresses::AddressList;
use super::route::Route;
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, numbers};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::line::{AccountView, LineView, ProviderKind, Tariff, Verification};
use model::message::Channel;
use model::routing::RouteOption;
use model::{LineAccountId, LineId, Millis, OrgId, PhoneNumber};
use providers::{SECRET_PARAMETER, WebhookKind};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

/// How long the secret before the current one is taken while they are being exchanged: a week to paste the new one.
const EXCHANGE: Millis = 7 * 24 * 60 * 60 * 1000;

/// The columns of [`Row`], for lines that fulfil a condition.
macro_rules! select_lines {
    ($condition:literal) => {
        concat!(
            "SELECT l.id, l.org_id, l.name, l.line_key, l.is_default, n.address_sealed, a.id AS account_id, a.provider,
                    a.credentials_sealed, a.verification, a.secret_generation, a.secret_exchanged_at, a.tariff,
                    a.send_pause_ms, a.cooling_until, a.webhook_addresses, a.disabled_at, l.pinned_account_id
             FROM line l JOIN number n ON n.id = l.number_id JOIN line_account a ON a.line_id = l.id WHERE ",
            $condition
        )
    };
}

pub(super) use select_lines;

/// A line with one of its accounts, as stored.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: Uuid,
    org_id: Uuid,
    pub(super) name: String,
    line_key: String,
    is_default: bool,
    address_sealed: Vec<u8>,
    pub(super) account_id: Uuid,
    provider: String,
    credentials_sealed: Vec<u8>,
    verification: String,
    secret_generation: i64,
    secret_exchanged_at: Option<Millis>,
    tariff: Option<String>,
    send_pause_ms: Option<Millis>,
    pub(super) cooling_until: Option<Millis>,
    webhook_addresses: Option<String>,
    disabled_at: Option<Millis>,
    pinned_account_id: Option<Uuid>,
}

impl Row {
    /// The accounts of lines that are not disabled, the default line's first, then the oldest.
    pub(super) async fn of_org(tx: &mut Tx, org: OrgId) -> Result<Vec<Self>> {
        tx.all(
            select_lines!(
                "l.org_id = $1 AND l.disabled_at IS NULL AND a.disabled_at IS NULL
                 ORDER BY l.is_default DESC, l.id, a.id"
            ),
            args![org],
        )
        .await
        .map_err(Into::into)
    }

    /// The accounts of a line, the oldest first; none for a line that is not there.
    pub(super) async fn of_line(tx: &mut Tx, org: OrgId, id: LineId) -> Result<Vec<Self>> {
        tx.all(
            select_lines!(
                "l.org_id = $1 AND l.id = $2 AND l.disabled_at IS NULL AND a.disabled_at IS NULL ORDER BY a.id"
            ),
            args![org, id],
        )
        .await
        .map_err(Into::into)
    }

    /// As [`of_org`](Self::of_org), for people: carriers that were taken away come last as long as something of theirs
    /// is in quarantine.
    pub(super) async fn shown_of_org(tx: &mut Tx, org: OrgId) -> Result<Vec<Self>> {
        tx.all(
            select_lines!(
                "l.org_id = $1 AND l.disabled_at IS NULL
                 AND (a.disabled_at IS NULL OR EXISTS (
                     SELECT 1 FROM journal_entry j WHERE j.account_id = a.id AND j.state = 'quarantined'))
                 ORDER BY l.is_default DESC, l.id, CASE WHEN a.disabled_at IS NULL THEN 0 ELSE 1 END, a.id"
            ),
            args![org],
        )
        .await
        .map_err(Into::into)
    }

    /// An account of an organisation, also one that was taken away from its line.
    pub(super) async fn in_org_or_removed(
        tx: &mut Tx,
        org: OrgId,
        id: LineAccountId,
    ) -> Result<Option<Self>> {
        tx.one(select_lines!("l.org_id = $1 AND a.id = $2 AND l.disabled_at IS NULL"), args![org, id])
            .await
            .map_err(Into::into)
    }

    /// An account of an organisation.
    pub(super) async fn in_org(tx: &mut Tx, org: OrgId, id: LineAccountId) -> Result<Option<Self>> {
        tx.one(
            select_lines!("l.org_id = $1 AND a.id = $2 AND l.disabled_at IS NULL AND a.disabled_at IS NULL"),
            args![org, id],
        )
        .await
        .map_err(Into::into)
    }

    /// The line of an account.
    pub(super) async fn of_account(tx: &mut Tx, id: LineAccountId) -> Result<Option<Self>> {
        tx.one(select_lines!("a.id = $1"), args![id]).await.map_err(Into::into)
    }

    /// The carrier that the account is at.
    pub(super) fn stored_provider(&self) -> Result<ProviderKind> {
        ProviderKind::from_word(&self.provider)
            .ok_or(Error::Inconsistent("a carrier that this version does not know"))
    }

    /// Whether the account is a simulator whatever the server's settings say.
    pub(super) fn is_simulator(&self) -> bool {
        self.provider == ProviderKind::Simulator.as_str()
    }

    /// Who is asked to send: the simulator while the server only pretends.
    pub(super) fn sending_provider(&self, backend: &Backend) -> Result<ProviderKind> {
        if backend.settings.mock_mode { Ok(ProviderKind::Simulator) } else { self.stored_provider() }
    }

    /// What the carrier's code needs, in its own shape.
    pub(super) fn credentials(&self, backend: &Backend) -> Result<Value> {
        let plain = backend.keys.open(Purpose::Credentials, &self.credentials_sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Error::Inconsistent("credentials are no JSON"))
    }

    pub(super) fn line_id(&self) -> LineId {
        self.id.into()
    }

    /// The line as Settings shows it, without its accounts.
    pub(super) fn line_view(&self, backend: &Backend) -> Result<LineView> {
        Ok(LineView {
            id: self.line_id(),
            name: self.name.clone(),
            number: self.number(backend)?,
            is_default: self.is_default,
            accounts: Vec::new(),
        })
    }

    /// The account as Settings shows it.
    pub(super) fn account_view(&self, backend: &Backend, quarantined: u32) -> Result<AccountView> {
        let provider = self.sending_provider(backend)?;
        let carrier = providers::for_kind(provider);
        let now = backend.clock.now();
        let number = self.number(backend)?;
        let usual_pause = carrier.limits().pace.map(|pace| pace.pause_by(Channel::Sms, &number));
        Ok(AccountView {
            carrier: self.stored_provider()?,
            removed: self.disabled_at.is_some(),
            route: self.option(backend)?,
            pictures_in: carrier.limits().mms_in,
            own_tariff: self.tariff.is_some(),
            pause_ms: self.send_pause_ms.and_then(|pause| u32::try_from(pause).ok()),
            usual_pause_ms: usual_pause.and_then(|pause| u32::try_from(pause.as_millis()).ok()),
            cooling_until: self.cooling_until.filter(|until| *until > now),
            verification: self.verification(),
            by_secret: carrier.proves_itself_by_secret(),
            old_secret_until: self.old_secret_until(now),
            addresses: self.webhook_addresses.clone().unwrap_or_default(),
            inbound_url: self.to_paste(backend, provider, WebhookKind::Inbound)?,
            status_url: self.to_paste(backend, provider, WebhookKind::Status)?,
            quarantined,
        })
    }

    /// What the router is told of the account.
    pub(super) fn option(&self, backend: &Backend) -> Result<RouteOption> {
        let provider = self.sending_provider(backend)?;
        let limits = providers::for_kind(provider).limits();
        let country = self.number(backend)?.country().map(|country| country.code());
        // Where nobody knows the country, the carrier has its say.
        let pictures_elsewhere = !limits.mms_countries.is_empty()
            && country.is_some_and(|country| !limits.mms_countries.contains(&country.as_str()));
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let sends = |channel: &Channel| *channel != Channel::Mms || !pictures_elsewhere;
        Ok(RouteOption {
            account_id: self.account_id.into(),
            provider,
            channels: limits.channels_out.iter().copied().filter(sends).collect(),
            pictures_elsewhere,
            media_per_request: count(limits.media_per_request),
            media_bytes: limits.media_bytes,
            text_chars: count(limits.text_chars),
            sms_parts: limits.sms_parts.map(count),
            mms_text: limits.mms_text,
            tariff: self.tariff(backend)?,
            cooling: self.cooling_until.is_some_and(|until| until > backend.clock.now()),
            pinned: self.pinned_account_id == Some(self.account_id),
        })
    }

    fn verification(&self) -> Verification {
        Verification::from_word(&self.verification).unwrap_or(Verification::Enforce)
    }

    /// Until when the secret before the current one is taken.
    pub(super) fn old_secret_until(&self, now: Millis) -> Option<Millis> {
        self.secret_exchanged_at.map(|at| at + EXCHANGE).filter(|until| *until > now)
    }

    /// A webhook's address as it is entered at the carrier, which is more than what the carrier then calls and signs.
    fn to_paste(&self, backend: &Backend, provider: ProviderKind, kind: WebhookKind) -> Result<String> {
        let mut url = self.webhook(backend, provider, kind)?;
        url.set_fragment(providers::for_kind(provider).address_ending());
        Ok(url.into())
    }

    pub(super) fn route(&self, backend: &Backend, provider: ProviderKind) -> Result<Route> {
        let pretends = backend.settings.mock_mode && provider != ProviderKind::Simulator;
        Ok(Route {
            line_id: self.id.into(),
            account_id: self.account_id.into(),
            org_id: self.org_id.into(),
            provider,
            account: self.account(backend, provider)?,
            carrier: self.stored_provider()?,
            own_tariff: self.own_tariff()?,
            addresses: match provider {
                // The simulated carrier lives at this server's own address.
                ProviderKind::Simulator => AddressList::default(),
                _ => AddressList::stored(self.webhook_addresses.as_deref())?,
            },
            disabled: self.disabled_at.is_some(),
            simulated: pretends.then(|| self.account(backend, ProviderKind::Simulator)).transpose()?,
        })
    }

    fn account(&self, backend: &Backend, provider: ProviderKind) -> Result<providers::Account> {
        let credentials = match provider {
            // The simulated carrier lives in this server; its secret follows from the line's key.
            ProviderKind::Simulator => json!({
                "api_base": backend.settings.app_url.as_str().trim_end_matches('/'),
                "secret": hex::encode(backend.keys.hash(Purpose::Credentials, &self.line_key)),
            }),
            _ => self.credentials(backend)?,
        };
        let exchanging = self.old_secret_until(backend.clock.now()).is_some();
        let previous = exchanging.then(|| self.secret(backend, self.secret_generation - 1));
        Ok(providers::Account {
            sender: self.number(backend)?,
            credentials,
            verification: self.verification(),
            webhook_secrets: [self.secret(backend, self.secret_generation)]
                .into_iter()
                .chain(previous)
                .collect(),
            inbound_url: self.webhook(backend, provider, WebhookKind::Inbound)?,
            status_url: self.webhook(backend, provider, WebhookKind::Status)?,
        })
    }

    fn tariff(&self, backend: &Backend) -> Result<Option<Tariff>> {
        if let Some(own) = self.own_tariff()? {
            return Ok(Some(own));
        }
        let provider = providers::for_kind(self.stored_provider()?);
        Ok(self.number(backend)?.country().and_then(|country| provider.published_tariff(country)))
    }

    fn own_tariff(&self) -> Result<Option<Tariff>> {
        let wrong = |_| Error::Inconsistent("a tariff is no JSON of ours");
        self.tariff.as_deref().map(serde_json::from_str).transpose().map_err(wrong)
    }

    pub(super) fn number(&self, backend: &Backend) -> Result<PhoneNumber> {
        numbers::open(backend, &self.address_sealed)
    }

    /// What carriers that sign nothing must name: 256 bits that follow from the master key, so that the database
    /// alone does not tell them.
    fn secret(&self, backend: &Backend, generation: i64) -> String {
        let text = format!("{}:{generation}", self.account_id);
        URL_SAFE_NO_PAD.encode(backend.keys.hash(Purpose::WebhookSecret, &text))
    }

    fn webhook(&self, backend: &Backend, provider: ProviderKind, kind: WebhookKind) -> Result<Url> {
        let path = format!("webhooks/{}/{}/{}", provider.as_str(), self.line_key, kind.as_str());
        let base = backend.settings.app_url.as_str().trim_end_matches('/');
        let mut url: Url =
            format!("{base}/{path}").parse().map_err(|_| Error::Inconsistent("APP_URL takes no path"))?;
        if providers::for_kind(provider).proves_itself_by_secret() {
            url.query_pairs_mut()
                .append_pair(SECRET_PARAMETER, &self.secret(backend, self.secret_generation));
        }
        Ok(url)
    }
}
