//! Lines and the carriers behind them.

use super::{CommandError, organisation, say, words};
use crate::cli::{Carrier, Line, Which};
use backend::lines::{self, AccountChange, NewAccount, NewLine, Pace};
use backend::providers::{Finding, Verdict, for_kind};
use backend::{Backend, Caller, organisations};
use model::line::{AccountView, LineView, ProviderKind, Verification};
use model::phone::{Country, PhoneNumber};
use std::io::{self, Read};

pub(super) async fn run(line: Line, backend: &Backend) -> Result<(), CommandError> {
    match line {
        Line::Add { number, provider, name, credentials, org } => {
            let org = organisation(backend, org.as_deref()).await?;
            let provider = provider_named(&provider)?;
            let credentials = new_credentials(provider, credentials.as_deref())?;
            let line = lines::add(backend, org, NewLine { name, number, provider, credentials }).await?;
            say_addresses(&line, provider)
        }
        Line::List { org } => {
            let org = organisation(backend, org.as_deref()).await?;
            for line in lines::list(backend, &Caller::operator(org)).await? {
                say(&format!("{} ({})", line.name, line.number.spaced()))?;
                for account in &line.accounts {
                    let AccountView { route, removed, verification, inbound_url, status_url, .. } = account;
                    let note = match (*removed, route.pinned) {
                        (true, _) => ", taken away, with webhooks in quarantine",
                        (false, true) => ", pinned",
                        (false, false) => "",
                    };
                    let pace = account.pace().map_or("usual".to_owned(), |texts| format!("{texts} a second"));
                    say(&format!(
                        "  {}, verification {}, pace {pace}{note}",
                        route.provider.label(),
                        verification.as_str()
                    ))?;
                    say(&format!("    Inbound webhook: {inbound_url}\n    Status webhook:  {status_url}"))?;
                }
            }
            Ok(())
        }
        Line::Carrier(carrier) => change_carrier(carrier, backend).await,
        Line::Check { org } => check(backend, org.as_deref()).await,
    }
}

async fn change_carrier(carrier: Carrier, backend: &Backend) -> Result<(), CommandError> {
    match carrier {
        Carrier::Add { which, credentials } => {
            let (operator, before, provider) = found(backend, &which).await?;
            let credentials = new_credentials(provider, credentials.as_deref())?;
            let new = NewAccount { provider, credentials };
            let line = lines::add_account(backend, &operator, before.id, new).await?;
            say_addresses(&line, provider)?;
            let is_simulated = |line: &LineView| account_at(line, ProviderKind::Simulator).is_ok();
            if is_simulated(&before) && !is_simulated(&line) {
                let (carrier, name) = (provider.label(), &line.name);
                say(&format!("{carrier} took the simulator's place: {name} now reaches real phones."))?;
            }
            Ok(())
        }
        Carrier::Set {
            which,
            credentials,
            verification,
            addresses,
            pace,
            exchange_secret,
            end_exchange,
            pin,
        } => {
            let (operator, line, provider) = found(backend, &which).await?;
            let account = account_at(&line, provider)?.route.account_id;
            let verification = verification.as_deref().map(verification_named).transpose()?;
            let credentials = credentials.as_deref().map(read_json).transpose()?;
            let pace = pace.as_deref().map(pace_named).transpose()?;
            let change = AccountChange { credentials, verification, addresses, pace, prices: None };
            let mut line = lines::update_account(backend, &operator, account, change).await?;
            if exchange_secret {
                line = lines::exchange_secret(backend, &operator, account).await?;
            }
            if end_exchange {
                line = lines::end_exchange(backend, &operator, account).await?;
            }
            if let Some(pin) = pin {
                line = lines::pin(backend, &operator, line.id, pin.then_some(account)).await?;
            }
            say_addresses(&line, provider)
        }
        Carrier::Remove { which } => {
            let (operator, line, provider) = found(backend, &which).await?;
            lines::remove_account(backend, &operator, account_at(&line, provider)?.route.account_id).await?;
            say(&format!("{} sends through {} no longer.", line.name, provider.label()))
        }
    }
}

async fn check(backend: &Backend, org: Option<&str>) -> Result<(), CommandError> {
    let org = organisation(backend, org).await?;
    let (mut bad, mut unasked) = (0, 0);
    for checked in lines::check(backend, org).await? {
        say(&format!("{} ({}, {})", checked.name, checked.number.spaced(), checked.provider.label()))?;
        for Finding { verdict, words, .. } in checked.health.findings {
            bad += usize::from(verdict == Verdict::Bad);
            unasked += usize::from(verdict == Verdict::Unasked);
            let mark = match verdict {
                Verdict::Good => "ok     ",
                Verdict::Bad => "WRONG  ",
                Verdict::Unknown => "unclear",
                Verdict::Unasked => "FAILED ",
            };
            say(&format!("  {mark} {words}"))?;
        }
    }
    // What a carrier has no way to tell is no reason to fail; what it was not asked may be anything.
    let reasons = [(bad, "must be put right"), (unasked, "could not be checked; try again in some minutes")];
    let reasons: Vec<_> = reasons
        .iter()
        .filter(|(many, _)| *many > 0)
        .map(|(many, why)| format!("{many} of these {why}"))
        .collect();
    if reasons.is_empty() { Ok(()) } else { Err(CommandError::Refused(reasons.join("; "))) }
}

/// The line that is meant, and who may change it.
async fn found(backend: &Backend, which: &Which) -> Result<(Caller, LineView, ProviderKind), CommandError> {
    let operator = Caller::operator(organisation(backend, which.org.as_deref()).await?);
    let home = Country::from_code(&organisations::get(backend, &operator).await?.country);
    let number = PhoneNumber::parse(&which.line, home.unwrap_or(Country::AU)).ok();
    let lines = lines::list(backend, &operator).await?.into_iter();
    let mut meant = lines.filter(|line| line.name == which.line || Some(&line.number) == number.as_ref());
    match (meant.next(), meant.next()) {
        (Some(line), None) => Ok((operator, line, provider_named(&which.provider)?)),
        (None, _) => Err(CommandError::Refused(format!(
            "{}: no line has this number or name; `heliograph line list` shows them",
            which.line
        ))),
        (Some(_), Some(_)) => {
            Err(CommandError::Refused(format!("{}: several lines are meant; write the number", which.line)))
        }
    }
}

fn account_at(line: &LineView, provider: ProviderKind) -> Result<&AccountView, CommandError> {
    line.accounts
        .iter()
        // Also while the server only pretends to send, and the simulator stands in for all of them.
        .find(|account| account.carrier == provider && !account.removed)
        .ok_or_else(|| CommandError::Refused(format!("{} has no carrier {}", line.name, provider.as_str())))
}

fn say_addresses(line: &LineView, provider: ProviderKind) -> Result<(), CommandError> {
    let account = account_at(line, provider)?;
    say(&format!("Inbound webhook: {}\nStatus webhook:  {}", account.inbound_url, account.status_url))
}

fn provider_named(word: &str) -> Result<ProviderKind, CommandError> {
    ProviderKind::from_word(word).ok_or_else(|| {
        let all = words(ProviderKind::ALL.map(ProviderKind::as_str));
        CommandError::Refused(format!("--provider: write one of {all}"))
    })
}

fn verification_named(word: &str) -> Result<Verification, CommandError> {
    Verification::from_word(word).ok_or_else(|| {
        let all = words(Verification::ALL.map(Verification::as_str));
        CommandError::Refused(format!("--verification: write one of {all}"))
    })
}

fn pace_named(word: &str) -> Result<Pace, CommandError> {
    if word == "usual" {
        return Ok(Pace::Usual);
    }
    word.parse::<f64>().map(Pace::PerSecond).map_err(|_| {
        CommandError::Refused("--pace: write how many texts a second, for example 2, or usual".to_owned())
    })
}

/// The credentials of an account that is not known yet.
fn new_credentials(provider: ProviderKind, file: Option<&str>) -> Result<serde_json::Value, CommandError> {
    if let Some(file) = file {
        return read_json(file);
    }
    let needed = for_kind(provider).credential_names().required;
    if needed.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    let fields: Vec<_> = needed.iter().map(|name| format!("\"{name}\": \"…\"")).collect();
    Err(CommandError::Refused(format!(
        "{} needs {}. Write them into a file as JSON, {{{}}}, and name it with --credentials FILE; `--credentials -` \
         reads standard input",
        provider.label(),
        needed.join(" and "),
        fields.join(", ")
    )))
}

fn read_json(file: &str) -> Result<serde_json::Value, CommandError> {
    let text = if file == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        text
    } else {
        std::fs::read_to_string(file)
            .map_err(|error| CommandError::Refused(format!("--credentials: {file}: {error}")))?
    };
    serde_json::from_str(&text)
        .map_err(|_| CommandError::Refused("--credentials: the file does not hold JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use backend::testing::TestBackend;
    use serde_json::json;

    #[tokio::test]
    async fn carriers_are_changed_also_while_the_server_only_pretends_to_send() {
        let t = TestBackend::new(None).await;
        let mut settings = t.backend.settings.clone();
        settings.mock_mode = true;
        let b = &t.backend;
        let pretending = Backend::new(backend::Parts {
            store: b.store.clone(),
            blobs: b.blobs.clone(),
            http: b.http.clone(),
            pictures: b.pictures.clone(),
            clock: b.clock.clone(),
            keys: b.keys.clone(),
            settings,
            live: backend::live::Hub::default(),
        });
        let line = lines::list(&pretending, &t.admin).await.unwrap().remove(0);
        assert_eq!(line.accounts[0].route.provider, ProviderKind::Simulator);
        let credentials = json!({"username": "clinic", "password": "secret"});
        let new = NewAccount { provider: ProviderKind::SmsBroadcast, credentials };
        lines::add_account(&pretending, &t.admin, line.id, new).await.unwrap();
        let which = |provider: &str| Which {
            line: "Front desk".to_owned(),
            provider: provider.to_owned(),
            org: None,
        };
        let at_pace = |pace: &str| Carrier::Set {
            which: which("twilio"),
            credentials: None,
            verification: None,
            addresses: None,
            pace: Some(pace.to_owned()),
            exchange_secret: false,
            end_exchange: false,
            pin: None,
        };
        for (word, pace) in [("2.5", Some(2.5)), ("usual", None)] {
            change_carrier(at_pace(word), &pretending).await.unwrap();
            let line = lines::list(&pretending, &t.admin).await.unwrap().remove(0);
            assert_eq!(line.accounts[0].pace(), pace);
        }
        for wrong in ["fast", "1000"] {
            assert!(change_carrier(at_pace(wrong), &pretending).await.is_err(), "{wrong}");
        }
        change_carrier(Carrier::Remove { which: which("twilio") }, &pretending).await.unwrap();
        let left = lines::list(&pretending, &t.admin).await.unwrap().remove(0).accounts;
        let left: Vec<_> = left.iter().map(|account| account.carrier).collect();
        assert_eq!(left, [ProviderKind::SmsBroadcast]);
        assert!(change_carrier(Carrier::Remove { which: which("twilio") }, &pretending).await.is_err());
    }
}
