//! The templates of a line: fetched from its carriers, kept, and filled in.

use super::{Filled, UNAPPROVED, variables_of};
use crate::conversations::rows::known;
use crate::lines::{self, Route};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live};
use model::line::ProviderKind;
use model::live::Change;
use model::message::Channel;
use model::staff::Permission;
use model::whatsapp::{TemplateChoice, TemplateState, TemplateView, fill, placeholders};
use model::{FailureCode, LineId, Millis, OrgId, TemplateId};
use providers::{CarrierTemplate, NotListed};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How long what a carrier told is taken to be true: approval comes and goes within hours.
const FRESH: Millis = 60 * 60 * 1000;

/// How long a carrier that did not tell is left alone.
const PAUSE: Millis = 60 * 1000;

/// When an account's carrier was last asked, and why it did not tell if it did not.
#[derive(sqlx::FromRow)]
struct Asked {
    id: Uuid,
    provider: String,
    templates_fetched_at: Option<Millis>,
    templates_refused: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    line_id: Uuid,
    name: String,
    language: String,
    body: String,
    examples: String,
    state: String,
}

/// The templates of a line, or of every line, by name; asked for anew where what is known is older than an hour.
///
/// # Errors
/// `NotFound` for a line that is not there; `Unavailable` where nothing is known and the carrier does not tell, with
/// its reason.
pub async fn templates(
    backend: &Backend,
    caller: &Caller,
    line: Option<LineId>,
) -> Result<Vec<TemplateView>> {
    caller.require(Permission::SendMessages)?;
    let (mut all, mut refused) = (Vec::new(), None);
    for line in lines_named(backend, caller, line).await? {
        refused = fetch(backend, caller.org_id, line, FRESH).await?.or(refused);
        all.extend(kept(backend, line).await?);
    }
    match refused {
        Some(words) if all.is_empty() => Err(Error::failure(FailureCode::Unavailable, words)),
        _ => Ok(all),
    }
}

/// Asks a line's carriers now.
///
/// # Errors
/// `NotFound` for a line that is not there; `Unavailable` where a carrier does not tell, with its reason.
pub async fn refresh(backend: &Backend, caller: &Caller, line: LineId) -> Result<Vec<TemplateView>> {
    caller.require(Permission::ManageLines)?;
    lines_named(backend, caller, Some(line)).await?;
    if let Some(words) = fetch(backend, caller.org_id, line, 0).await? {
        return Err(Error::failure(FailureCode::Unavailable, words));
    }
    let mut tx = backend.store.write().await?;
    audit::note(backend, &mut tx, caller, "line.refresh_templates", "line", Some(line.0)).await?;
    // With templates there may be more that can be sent.
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    kept(backend, line).await
}

/// A template that was chosen for a message from a line, filled in.
///
/// # Errors
/// `Invalid` where the line has no such template, WhatsApp has not approved it, or something is not filled in.
pub(super) async fn filled(
    backend: &Backend,
    tx: &mut Tx,
    line: LineId,
    choice: &TemplateChoice,
) -> Result<Filled> {
    let row: Option<(Uuid, String, String)> = tx
        .one(
            "SELECT t.account_id, t.body, t.state FROM whatsapp_template t JOIN line_account a ON a.id = t.account_id
             WHERE t.id = $1 AND a.line_id = $2 AND a.disabled_at IS NULL
               AND t.provider = COALESCE($3, a.provider)",
            args![choice.id, line, pretended(backend)],
        )
        .await?;
    let wrong = |words: String| Error::invalid("template", words);
    let (account, body, state) = row
        .ok_or_else(|| wrong("This line has no such template (any more). Choose another one.".to_owned()))?;
    if known(TemplateState::from_word(&state))? != TemplateState::Approved {
        return Err(wrong(UNAPPROVED.to_owned()));
    }
    let text = fill(&body, &choice.variables).map_err(|error| wrong(error.to_string()))?;
    let value = |name: &String| choice.variables.get(name).map(|value| value.trim().to_owned());
    let variables: BTreeMap<String, String> =
        placeholders(&body).into_iter().filter_map(|name| Some((name.clone(), value(&name)?))).collect();
    Ok(Filled { id: choice.id, account: account.into(), text, variables: to_json(&variables)? })
}

/// Who lists the templates that can be sent now instead of the accounts' own carriers: the simulator while the server
/// only pretends. What it lists stays apart from theirs, which can be sent again when that ends.
pub(super) fn pretended(backend: &Backend) -> Option<&'static str> {
    backend.settings.mock_mode.then(|| ProviderKind::Simulator.as_str())
}

/// Whether the carriers of a line list anything to begin a conversation with.
pub(super) async fn any_approved(tx: &mut Tx, line: LineId) -> Result<bool> {
    let approved = tx
        .number(
            "SELECT COUNT(*) FROM whatsapp_template t JOIN line_account a ON a.id = t.account_id
             WHERE a.line_id = $1 AND a.disabled_at IS NULL AND t.provider = a.provider AND t.state = 'approved'",
            args![line],
        )
        .await?;
    Ok(approved > 0)
}

async fn lines_named(backend: &Backend, caller: &Caller, line: Option<LineId>) -> Result<Vec<LineId>> {
    let mut tx = backend.store.read().await?;
    let all = lines::choices(backend, &mut tx, caller.org_id).await?;
    let ids: Vec<LineId> = all.into_iter().map(|line| line.id).collect();
    match line {
        None => Ok(ids),
        Some(id) if ids.contains(&id) => Ok(vec![id]),
        Some(_) => Err(Error::not_found("line")),
    }
}

/// Takes back all that an account's carrier listed, until it lists it again: with other credentials it may be another
/// one's.
pub(crate) async fn withdraw(tx: &mut Tx, line: LineId, provider: ProviderKind) -> Result<()> {
    tx.execute(
        "UPDATE whatsapp_template SET state = 'withdrawn'
         WHERE account_id IN (SELECT id FROM line_account WHERE line_id = $1 AND provider = $2)",
        args![line, provider.as_str()],
    )
    .await?;
    Ok(())
}

/// Asks those carriers of a line of whom nothing is known that is younger than `age`. Of one that does not tell, what
/// was known stays; answers why, in words for staff.
async fn fetch(backend: &Backend, org: OrgId, line: LineId, age: Millis) -> Result<Option<String>> {
    let mut tx = backend.store.read().await?;
    let asked: Vec<Asked> = tx
        .all(
            "SELECT id, provider, templates_fetched_at, templates_refused FROM line_account WHERE line_id = $1",
            args![line],
        )
        .await?;
    let mut routes = lines::routes_of(backend, &mut tx, org, line).await?;
    drop(tx);
    routes.retain(|route| {
        providers::for_kind(route.provider).limits().channels_out.contains(&Channel::Whatsapp)
    });
    let now = backend.clock.now();
    let mut refused = None;
    for route in routes {
        // In another one's place the simulator is always asked, which costs nothing.
        let before = asked
            .iter()
            .find(|before| before.id == route.account_id.0 && before.provider == route.provider.as_str());
        if let Some(before) = before.filter(|before| before.holds(now, age)) {
            if before.templates_refused.is_some() {
                refused = before.templates_refused.clone();
            }
            continue;
        }
        match providers::for_kind(route.provider).templates(&backend.http, &route.account).await {
            Ok(found) => keep(backend, &route, found).await?,
            Err(NotListed(words)) => {
                tracing::warn!(account = %route.account_id, "a carrier did not tell its templates");
                let mut tx = backend.store.write().await?;
                note_asked(backend, &mut tx, &route, Some(words.as_str())).await?;
                tx.commit().await?;
                refused = Some(words);
            }
        }
    }
    Ok(refused)
}

/// Records that an account's carrier was asked, and why it did not tell if it did not. What the simulator says in its
/// place is not its word.
async fn note_asked(backend: &Backend, tx: &mut Tx, route: &Route, refused: Option<&str>) -> Result<()> {
    tx.execute(
        "UPDATE line_account SET templates_fetched_at = $3, templates_refused = $4 WHERE id = $1 AND provider = $2",
        args![route.account_id, route.provider.as_str(), backend.clock.now(), refused],
    )
    .await?;
    Ok(())
}

async fn keep(backend: &Backend, route: &Route, found: Vec<CarrierTemplate>) -> Result<()> {
    let mut tx = backend.store.write().await?;
    // Those that are listed come back at once.
    tx.execute(
        "UPDATE whatsapp_template SET state = 'withdrawn' WHERE account_id = $1 AND provider = $2",
        args![route.account_id, route.provider.as_str()],
    )
    .await?;
    for template in found {
        tx.execute(
            "INSERT INTO whatsapp_template
                 (id, org_id, account_id, carrier_id, name, language, body, examples, state, provider)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (account_id, carrier_id) DO UPDATE SET
                 name = excluded.name, language = excluded.language, body = excluded.body,
                 examples = excluded.examples, state = excluded.state, provider = excluded.provider",
            args![
                backend.clock.new_id::<TemplateId>(),
                route.org_id,
                route.account_id,
                template.id,
                template.name,
                template.language,
                template.body,
                to_json(&template.examples)?,
                template.state.as_str(),
                route.provider.as_str()
            ],
        )
        .await?;
    }
    note_asked(backend, &mut tx, route, None).await?;
    Ok(tx.commit().await?)
}

async fn kept(backend: &Backend, line: LineId) -> Result<Vec<TemplateView>> {
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT t.id, a.line_id, t.name, t.language, t.body, t.examples, t.state
             FROM whatsapp_template t JOIN line_account a ON a.id = t.account_id
             WHERE a.line_id = $1 AND a.disabled_at IS NULL AND t.state <> 'withdrawn'
               AND t.provider = COALESCE($2, a.provider)
             ORDER BY t.name, t.language, t.id",
            args![line, pretended(backend)],
        )
        .await?;
    rows.into_iter().map(Row::view).collect()
}

impl Asked {
    /// Whether what was heard then is still taken to be true where it may be so old.
    fn holds(&self, now: Millis, age: Millis) -> bool {
        let age = if self.templates_refused.is_some() { age.min(PAUSE) } else { age };
        self.templates_fetched_at.is_some_and(|at| now - at < age)
    }
}

impl Row {
    fn view(self) -> Result<TemplateView> {
        Ok(TemplateView {
            id: self.id.into(),
            line_id: self.line_id.into(),
            name: self.name,
            language: self.language,
            body: self.body,
            examples: variables_of(Some(&self.examples))?,
            state: known(TemplateState::from_word(&self.state))?,
        })
    }
}

fn to_json(variables: &BTreeMap<String, String>) -> Result<String> {
    serde_json::to_string(variables)
        .map_err(|_| Error::Inconsistent("a template's variables do not serialise"))
}
