//! What each command does.

mod lines;
mod moving;
mod serving;
mod supervise;

use super::{Command, Jobs, Org, Staff, Token};
use crate::config::{BlobPlace, Config, ConfigError, Settings, env_example};
use crate::setup::{self, SetupError};
use backend::store::sqlite_file;
use backend::{Backend, demo, jobs, organisations, staff, tokens};
use model::phone::Country;
use model::staff::{Invitation, Role};
use model::{Failure, FailureCode, OrgId};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{0}")]
    Refused(String),
    /// The organisation that is meant is not there; most often it is another database that is looked at.
    #[error("{0}")]
    NoOrganisation(String),
    #[error("HELIOGRAPH_ADDR: {addr} cannot be listened on: {cause}")]
    Listen { addr: std::net::SocketAddr, cause: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<backend::Error> for CommandError {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::Failure(Failure { field: Some(field), message, .. }) => {
                Self::Refused(format!("{field}: {message}"))
            }
            backend::Error::Failure(failure) => Self::Refused(failure.message),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// `options`: the settings that were given as options, under their names in the environment.
pub(super) async fn run(
    command: Command,
    settings: &Settings,
    options: Vec<(OsString, OsString)>,
) -> Result<(), CommandError> {
    if matches!(command, Command::Settings) {
        return say(env_example().trim_end());
    }
    let config = Config::from_settings(settings)?;
    match command {
        Command::Serve { demo, role, kept } => {
            return serving::run(&config, demo.map(Into::into), role, kept).await;
        }
        Command::Supervise { web, workers } => return supervise::run(&config, options, web, workers).await,
        _ => {}
    }
    if let Command::Restore { file } = &command {
        return moving::restore(&config, file.as_deref()).await;
    }
    if is_about_what_is_there(&command)
        && let Some(database) = sqlite_file(config.database_url.expose())
    {
        refuse_if_missing(database, "there is no database")?;
    }
    // A backup keeps the database all the same.
    if let (Command::Doctor { .. }, BlobPlace::Folder(photos)) = (&command, &config.blobs) {
        refuse_if_missing(photos, "the folder for photos is not there")?;
    }
    let backend = setup::open(&config, config.public_base(config.addr)).await?;
    let done = once(command, &backend, &config, settings).await;
    backend.store.close().await;
    done.map_err(|error| match error {
        CommandError::NoOrganisation(words) => CommandError::Refused(format!(
            "{words} The database that was looked at is {}. `heliograph org list` shows what organisations there are, \
             `heliograph org add` adds one",
            shown_database(config.database_url.expose())
        )),
        other => other,
    })
}

/// Where a database is, without the password.
fn shown_database(url: &str) -> String {
    if let Some(file) = sqlite_file(url) {
        return std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string();
    }
    let place = url.parse::<url::Url>().ok().and_then(|url| {
        let host = url.host_str().unwrap_or("this machine").to_owned();
        Some(format!("{} at {host}", url.path().strip_prefix('/').filter(|name| !name.is_empty())?))
    });
    place.unwrap_or_else(|| "the one that DATABASE_URL names".to_owned())
}

/// The organisation that is meant.
async fn organisation(backend: &Backend, name: Option<&str>) -> Result<OrgId, CommandError> {
    organisations::by_name(backend, name).await.map_err(|error| match error {
        backend::Error::Failure(failure) if failure.code == FailureCode::NotFound => {
            CommandError::NoOrganisation(failure.message)
        }
        other => other.into(),
    })
}

/// Begun in a wrong folder, it must not make an empty server and be content.
fn is_about_what_is_there(command: &Command) -> bool {
    match command {
        Command::Org(Org::Add { .. }) => false,
        Command::Backup { .. }
        | Command::Doctor { .. }
        | Command::Org(_)
        | Command::Staff(_)
        | Command::Token(_)
        | Command::Line(_)
        | Command::Jobs(_) => true,
        Command::Migrate { to, blobs } => to.is_some() || blobs.is_some(),
        _ => false,
    }
}

fn refuse_if_missing(path: &Path, missing: &str) -> Result<(), CommandError> {
    let what = match path.try_exists() {
        Ok(true) => return Ok(()),
        Ok(false) => format!(
            "{missing}. Run this in the folder of the server, where its settings are, and with its disks in place; for a \
             new server, begin with `heliograph org add`"
        ),
        Err(error) => format!("{error}. Run this as the person whom the server runs as"),
    };
    Err(CommandError::Refused(format!("{}: {what}", path.display())))
}

async fn once(
    command: Command,
    backend: &Backend,
    config: &Config,
    settings: &Settings,
) -> Result<(), CommandError> {
    match command {
        // Opening it migrated it.
        Command::Migrate { to: None, blobs: None } => say("The database is up to date."),
        Command::Migrate { to, blobs } => {
            moving::migrate(backend, config, settings, to.as_deref(), blobs.as_deref()).await
        }
        Command::Doctor { repair } => moving::doctor(backend, repair).await,
        Command::Backup { file } => moving::backup(backend, &file).await,
        Command::Demo => match demo::seed(backend, demo::Scene::Full).await? {
            Some(link) => say(&format!("Sign in once with {link}")),
            None => say(
                "There is an organisation already, and no admin of a demo who was never signed in. heliograph staff reset \
                 ADDRESS prints a new link for a person.",
            ),
        },
        Command::Org(Org::Add { name, country }) => {
            let country = Country::from_code(&country).ok_or_else(|| {
                CommandError::Refused("--country: write two letters, for example AU".to_owned())
            })?;
            organisations::create(backend, &name, country).await?;
            say(&format!("Added {name}."))
        }
        Command::Org(Org::List) => {
            for organisations::Listed { name, country, lines, staff } in organisations::list(backend).await? {
                say(&format!("{name} ({country}), lines: {lines}, staff: {staff}"))?;
            }
            Ok(())
        }
        Command::Staff(Staff::Add { email, name, role, org }) => {
            let org = organisation(backend, org.as_deref()).await?;
            let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
            match staff::add(backend, org, &email, &name, self::role(&role)?).await? {
                Invitation::Link(link) => say(&link),
                Invitation::Known => say(
                    "Added. This server knows the address from another organisation: they sign in with the password \
                     they have.",
                ),
            }
        }
        Command::Staff(Staff::Reset { email }) => say(&staff::reset_by_operator(backend, &email).await?),
        Command::Token(Token::Create { name, role, org }) => {
            let org = organisation(backend, org.as_deref()).await?;
            let token = tokens::add(backend, org, &name, self::role(&role)?).await?;
            say(&token)
        }
        Command::Line(line) => lines::run(line, backend).await,
        Command::Jobs(Jobs::Requeue) => {
            let jobs::Requeued { jobs, webhooks, left } = jobs::requeue(backend).await?;
            say(&format!("Put back: {jobs} jobs and {webhooks} webhooks that could not be read."))?;
            if left > 0 {
                return Err(CommandError::Refused(format!(
                    "{left} jobs stay aside: this version, or its master key, cannot open them"
                )));
            }
            Ok(())
        }
        Command::Serve { .. } | Command::Supervise { .. } | Command::Restore { .. } | Command::Settings => {
            Ok(())
        }
    }
}

fn role(word: &str) -> Result<Role, CommandError> {
    Role::from_word(word).ok_or_else(|| {
        CommandError::Refused(format!("--role: write one of {}", words(Role::ALL.map(Role::as_str))))
    })
}

fn words<const N: usize>(words: [&str; N]) -> String {
    words.join(", ")
}

/// A line for whoever ran the command; scripts read it.
fn say(line: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_without_its_password() {
        let shown = shown_database("postgres://heliograph:secret@db.internal:5433/clinic?sslmode=require");
        assert_eq!(shown, "clinic at db.internal");
        assert_eq!(
            shown_database("sqlite:/var/lib/heliograph/heliograph.db"),
            "/var/lib/heliograph/heliograph.db"
        );
        assert!(!shown_database("postgres://heliograph:sec ret@:x").contains("ret"));
    }
}
