//! Copies of everything: into another place, into a backup, and back.

use super::{CommandError, say};
use crate::config::{BlobPlace, Config, KeySource, MEDIA, Settings, make_private_file, make_private_folder};
use crate::setup::{self, SetupError};
use backend::backup::{self, Database, Made, Restored};
use backend::doctor::{self, Finding, Report};
use backend::store::{StoreError, sqlite_file};
use backend::transfer::{self, Moved};
use backend::{Backend, Clock, Store};
use std::io;
use std::path::Path;

pub(super) async fn migrate(
    backend: &Backend,
    config: &Config,
    settings: &Settings,
    to: Option<&str>,
    blobs: Option<&str>,
) -> Result<(), CommandError> {
    let named = blobs.map(|place| BlobPlace::named(place, settings)).transpose()?;
    if let Some(BlobPlace::Folder(folder)) = &named {
        transfer::refuse_nested(backend, folder).await?;
    }
    if to.is_some()
        && let Some(server) = backend.store.used_by().await.map_err(SetupError::from)?
    {
        return Err(CommandError::Refused(format!(
            "{server} What it does meanwhile would be missing in the copy. Photos alone can be copied beside it: without --to"
        )));
    }
    let store = match to {
        Some(url) => Some(open_target(url).await?),
        None => None,
    };
    let place = match &named {
        Some(place) => {
            let blobs = setup::open_blobs(place).await.map_err(SetupError::from)?;
            blobs.ready().await.map_err(SetupError::from)?;
            Some(blobs)
        }
        None => None,
    };
    let moved = transfer::run(backend, store.as_ref(), place.as_ref(), &mut progress).await;
    if let Some(store) = &store {
        store.close().await;
    }
    let Moved { rows, rows_written, blobs: files, blobs_written, bytes, strange, missing } = moved?;
    if to.is_some() {
        say(&format!("Database: {rows} rows are equal in both ({rows_written} of them written now)."))?;
    }
    if place.is_some() {
        say(&format!(
            "Photos and files: {files} with {bytes} bytes are equal in both ({blobs_written} of them written now)."
        ))?;
    }
    if strange > 0 {
        say(&format!("{strange} files in the old store are none of Heliograph's and were left there."))?;
    }
    if missing > 0 {
        return Err(CommandError::Refused(format!(
            "{missing} photos and files that the database names are not in the new store, since they were not in the old \
             one; heliograph doctor tells which. Is the disk of the old one there, and is it the right place? What was \
             copied stays: put them back and run this again, or go on without them where they are lost for good"
        )));
    }
    say("Now start the server with these settings, and otherwise with those of before:\n")?;
    for line in settings_for_copy(config, to, named.as_ref())? {
        say(&format!("  {line}"))?;
    }
    if [&config.master_key, &config.phone_key].iter().any(|key| matches!(key, KeySource::Own(_))) {
        say(
            "\nThe keys were not copied: these are their files in the old data folder. Copy them to where the new server \
             keeps them, and name the copies, before that folder is deleted.",
        )?;
    }
    say(
        "\nWithout the same keys nothing that is sealed can be read. Nothing was changed in the old places: keep them \
         until the new ones have proved themselves, and never start a server on both.",
    )
}

/// What finds the copy, and what was not copied: the database and the keys are looked for in the data folder unless they are
/// named, and that may be another one now.
fn settings_for_copy(
    config: &Config,
    to: Option<&str>,
    place: Option<&BlobPlace>,
) -> io::Result<Vec<String>> {
    let absolute = |path: &Path| Ok::<_, io::Error>(std::path::absolute(path)?.display().to_string());
    let mut lines = Vec::new();
    match sqlite_file(to.unwrap_or(config.database_url.expose())) {
        Some(file) => lines.push(format!("DATABASE_URL=sqlite:{}", absolute(file)?)),
        None if to.is_some() => lines.push("DATABASE_URL=…   (what you gave as --to)".to_owned()),
        None => {}
    }
    match place {
        None => {}
        Some(BlobPlace::S3 { bucket, folder, .. }) => {
            lines.push(format!("AWS_S3_BUCKET={bucket}"));
            lines.push(format!("AWS_S3_FOLDER={folder}"));
        }
        Some(BlobPlace::Folder(folder)) => {
            let (whole, data) = (absolute(folder)?, absolute(folder.parent().unwrap_or(folder))?);
            lines.push(match folder.file_name().is_some_and(|name| name == MEDIA) {
                true => format!("HELIOGRAPH_DATA={data}"),
                false => format!("HELIOGRAPH_DATA={data}   (once {whole} is renamed to {MEDIA})"),
            });
            lines.push("AWS_S3_BUCKET=".to_owned());
        }
    }
    for (setting, key) in
        [("HELIOGRAPH_MASTER_KEY_FILE", &config.master_key), ("PHONE_HASH_KEY_FILE", &config.phone_key)]
    {
        if let KeySource::Own(path) | KeySource::File(path) = key {
            lines.push(format!("{setting}={}", absolute(path)?));
        }
    }
    Ok(lines)
}

/// Migrated, and with SQLite readable by its owner only.
async fn open_target(url: &str) -> Result<Store, CommandError> {
    if let Some(file) = sqlite_file(url) {
        match make_private_file(file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(CommandError::Refused(format!("--to: {}: {error}", file.display())));
            }
            _ => {}
        }
    }
    let unusable =
        |error: StoreError| CommandError::Refused(format!("--to: the database cannot be used: {error}"));
    let store = Store::connect(url).await.map_err(unusable)?;
    if let Some(server) = store.used_by().await.map_err(unusable)? {
        return Err(CommandError::Refused(format!("--to: {server}")));
    }
    store.migrate().await.map_err(unusable)?;
    Ok(store)
}

pub(super) async fn backup(backend: &Backend, file: &Path) -> Result<(), CommandError> {
    let made = backup::make(backend, file, &mut progress).await?;
    let Made { database, blobs, bytes, missing, lost, unreadable, damaged } = made;
    let deleted = missing - lost - unreadable;
    say(&format!("{}: {blobs} photos and files, {bytes} bytes.", file.display()))?;
    if !database {
        say(
            "The database is not in it, since PostgreSQL has its own tool, which is to run before this one:\n  \
             pg_dump --format=custom --file=heliograph.dump \"$DATABASE_URL\"",
        )?;
    }
    if deleted > 0 {
        say(&format!("{deleted} photos and files were deleted meanwhile."))?;
    }
    say(
        "The keys are not in it. Keep the files keys/master.key and keys/phone.key of the data folder (or the values of \
         HELIOGRAPH_MASTER_KEY and PHONE_HASH_KEY) apart from it: without them no server starts on it.\n\
         Texts, names and photos stand in it readable: encrypt it (age, gpg) before it leaves the machine.",
    )?;
    if lost + unreadable + damaged > 0 {
        return Err(CommandError::Refused(format!(
            "of the photos and files that the database names, {lost} are not in the store for photos, and so not in this \
             backup, {unreadable} are there and cannot be read, and so not in this backup either, and {damaged} are in it \
             with other bytes than those that came; it holds the rest. Which they are stands above; heliograph doctor tells \
             where staff see them, and heliograph doctor --repair mends what it can: keep older backups until then"
        )));
    }
    Ok(())
}

pub(super) async fn restore(config: &Config, file: Option<&Path>) -> Result<(), CommandError> {
    let url = config.database_url.expose();
    let Some(file) = file else { return hold_back(url).await };
    make_private_folder(&config.data)?;
    let blobs = setup::open_blobs(&config.blobs).await.map_err(SetupError::from)?;
    let restored = match sqlite_file(url) {
        Some(target) => backup::restore(file, Database::File(target), &blobs, &mut progress).await,
        None => {
            let store = Store::connect(url).await.map_err(SetupError::from)?;
            let restored = backup::restore(file, Database::Server(&store), &blobs, &mut progress).await;
            store.close().await;
            restored
        }
    };
    let Restored { database, blobs, held_back, missing, damaged, .. } = restored?;
    say(&format!("{blobs} photos and files were put back, each with the bytes it had in the backup."))?;
    if database {
        say("The database was put back.")?;
    }
    say_held_back(held_back)?;
    if missing > 0 {
        say(&format!("{missing} photos and files were missing already when the backup was made."))?;
    }
    if damaged > 0 {
        say(&format!(
            "{damaged} of them had other bytes than those that came already then; an older backup may have them whole."
        ))?;
    }
    for key in [&config.master_key, &config.phone_key] {
        if let KeySource::Own(path) = key
            && !path.exists()
        {
            say(&format!("Put your copy of {} back before you start the server.", path.display()))?;
        }
    }
    say("Then run heliograph doctor --repair, and heliograph serve.")
}

/// For a database that another tool put back.
async fn hold_back(url: &str) -> Result<(), CommandError> {
    if let Some(file) = sqlite_file(url)
        && !file.exists()
    {
        return Err(CommandError::Refused(format!("{}: there is no database yet", file.display())));
    }
    let store = Store::connect(url).await.map_err(SetupError::from)?;
    let held_back = backup::hold_back(&store, Clock::system().now()).await;
    store.close().await;
    say_held_back(held_back?)?;
    say("Nothing that waited to be sent in this database will be sent by itself.")
}

fn say_held_back(held_back: u64) -> Result<(), CommandError> {
    if held_back == 0 {
        return Ok(());
    }
    say(&format!(
        "{held_back} messages waited to be sent when the backup was made. Nobody knows whether they were sent since: \
         they are not sent now, and staff will see them as uncertain."
    ))
}

pub(super) async fn doctor(backend: &Backend, repair: bool) -> Result<(), CommandError> {
    let mut tell = |finding: &Finding| {
        let Finding { trouble, id, about, repaired } = finding;
        let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join("; ")) };
        let end = if *repaired { " (repaired)" } else { "" };
        progress(&format!("{id}: {}{about}{end}", trouble.words()));
    };
    let report = doctor::examine(backend, repair, &mut tell).await?;
    let Report { originals, renditions, blobs, strange, conversations, findings } = &report;
    say(&format!(
        "Looked at {originals} photos and files with {renditions} copies made of them, {blobs} files in the store and \
         {conversations} conversations."
    ))?;
    if *strange > 0 {
        say(&format!("{strange} files in the store are none of Heliograph's and were left alone."))?;
    }
    match (findings.len(), report.left()) {
        (0, _) => say("Nothing is wrong."),
        (found, 0) => say(&format!(
            "{found} things were wrong. All were repaired, or will be once the server has worked on its jobs."
        )),
        (found, left) if repair => Err(CommandError::Refused(format!(
            "{found} things are wrong, and {left} of them cannot be repaired here"
        ))),
        (found, _) => Err(CommandError::Refused(format!(
            "{found} things are wrong; heliograph doctor --repair repairs what can be repaired"
        ))),
    }
}

/// A line for whoever waits; what scripts read goes to standard output.
fn progress(line: &str) {
    eprintln!("{line}");
}
