//! The commands that copy, keep and check everything, as an operator runs them.

use crate::processes::{Clinic, started};
use backend::testing;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs the program with a data folder of its own, and with no settings but those that are named.
pub(crate) fn heliograph(data: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliograph"))
        .env_clear()
        // No file of settings lies there.
        .current_dir(data.parent().unwrap())
        .arg("--data")
        .arg(data)
        .args(args)
        .output()
        .unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn an_original_below(folder: &Path) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("original") {
                return path;
            }
        }
    }
    panic!("no original lies there");
}

#[test]
fn a_clinic_is_backed_up_put_back_moved_and_found_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old%41"), folder.path().join("new"));
    said(&heliograph(&old, &["demo"]));
    assert!(said(&heliograph(&old, &["migrate"])).contains("up to date"));

    let backup = folder.path().join("clinic.backup");
    let backup = backup.to_str().unwrap();
    let kept = said(&heliograph(&old, &["backup", backup]));
    assert!(kept.contains("keys/master.key"), "{kept}");
    assert!(!heliograph(&old, &["backup", backup]).status.success(), "a backup is never replaced");

    let (media, away) = (old.join("media"), folder.path().join("away"));
    std::fs::rename(&media, &away).unwrap();
    let refused = heliograph(&old, &["doctor", "--repair"]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("the folder for photos is not there"),
        "{refused:?}"
    );
    assert!(!refused.status.success() && !media.exists(), "an empty one would hide that a disk is away");
    let hollow = folder.path().join("hollow.backup");
    let refused = heliograph(&old, &["backup", hollow.to_str().unwrap()]);
    assert!(!refused.status.success() && hollow.exists(), "the database is kept all the same");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not in this backup"), "{refused:?}");
    let nowhere = folder.path().join("nowhere");
    let refused = heliograph(&old, &["migrate", "--blobs", nowhere.to_str().unwrap()]);
    assert!(!refused.status.success(), "no photo was there to be copied");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("are not in the new store"), "{refused:?}");
    std::fs::remove_dir_all(&media).unwrap();
    std::fs::rename(&away, &media).unwrap();

    let photo = an_original_below(&media);
    let bytes = std::fs::read(&photo).unwrap();
    std::fs::write(&photo, "other bytes").unwrap();
    let scratched = folder.path().join("scratched.backup");
    let refused = heliograph(&old, &["backup", scratched.to_str().unwrap()]);
    assert!(!refused.status.success() && scratched.exists(), "what there is of it is kept all the same");
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("1 are in it with other bytes") && words.contains("doctor --repair"), "{words}");
    std::fs::remove_file(&photo).unwrap();
    std::fs::create_dir(&photo).unwrap();
    let without = folder.path().join("without.backup");
    let refused = heliograph(&old, &["backup", without.to_str().unwrap()]);
    assert!(!refused.status.success() && without.exists(), "the rest is kept all the same");
    let words = String::from_utf8_lossy(&refused.stderr);
    let key = photo.strip_prefix(&media).unwrap().display().to_string();
    assert!(words.contains("1 are there and cannot be read"), "{words}");
    assert!(words.contains(&format!("{key}: is a directory")), "{words}");
    let told = heliograph(&old, &["doctor"]);
    let words = String::from_utf8_lossy(&told.stderr);
    assert!(!told.status.success() && words.contains(": cannot be read ("), "{words}");
    std::fs::remove_dir(&photo).unwrap();
    std::fs::write(&photo, bytes).unwrap();
    let again = said(&heliograph(&folder.path().join("again"), &["restore", scratched.to_str().unwrap()]));
    assert!(again.contains("1 of them had other bytes than those that came"), "{again}");

    let elsewhere = folder.path().join("elsewhere");
    for command in [
        &["backup", "empty.backup"][..],
        &["doctor"],
        &["migrate", "--blobs", "photos"],
        &["staff", "add", "sam@clinic.example"],
        &["token", "create", "Practice software"],
        &["line", "list"],
        &["jobs", "requeue"],
    ] {
        let refused = heliograph(&elsewhere, command);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no database"), "{refused:?}");
        assert!(!refused.status.success() && !elsewhere.exists(), "nothing is made in a wrong folder");
    }

    let back = said(&heliograph(&new, &["restore", backup]));
    assert!(back.contains("master.key back") && back.contains("phone.key back"), "{back}");
    assert!(said(&heliograph(&new, &["restore"])).contains("will be sent by itself"));
    assert!(
        !heliograph(&folder.path().join("none"), &["restore"]).status.success(),
        "there is nothing to hold back in"
    );
    let without_keys = heliograph(&new, &["doctor"]);
    assert!(!without_keys.status.success(), "nothing is opened without the keys");
    std::fs::create_dir_all(new.join("keys")).unwrap();
    for key in ["master.key", "phone.key"] {
        std::fs::copy(old.join("keys").join(key), new.join("keys").join(key)).unwrap();
    }
    said(&heliograph(&new, &["doctor", "--repair"]));
    assert!(said(&heliograph(&new, &["doctor"])).contains("Nothing is wrong"));
    assert!(!heliograph(&new, &["restore", backup]).status.success(), "nothing is put over what is there");

    for nested in [new.join("media/moved"), new.clone()] {
        let refused = heliograph(&new, &["migrate", "--blobs", nested.to_str().unwrap()]);
        let words = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && words.contains("Name a folder beside it"), "{words}");
        assert!(
            !new.join("media/moved").exists() && !new.join(".incoming").exists(),
            "nothing is made there"
        );
    }
    let moved = folder.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    let target = format!("sqlite:{}", moved.join("clinic.db").display());
    let photos = moved.join("media");
    let moving = ["migrate", "--to", &target, "--blobs", photos.to_str().unwrap()];
    assert!(said(&heliograph(&new, &moving)).contains("are equal in both"));
    let again = said(&heliograph(&new, &moving));
    assert!(again.contains("(0 of them written now)"), "{again}");
    let found = Command::new(env!("CARGO_BIN_EXE_heliograph"))
        .env_clear()
        .envs(again.lines().filter_map(|line| line.strip_prefix("  ")?.split_once('=')))
        .current_dir(&moved)
        .arg("doctor")
        .output();
    assert!(said(&found.unwrap()).contains("Nothing is wrong"), "with the settings that it told");
    let own = format!("sqlite:{}", new.join("heliograph.db").display());
    let onto_itself = heliograph(&new, &["migrate", "--to", &own]);
    assert!(!onto_itself.status.success(), "nothing would have moved");
    assert!(String::from_utf8_lossy(&onto_itself.stderr).contains("DATABASE_URL still has to name"));
    let foreign = heliograph(&folder.path().join("third"), &["demo"]);
    said(&foreign);
    for (place, words) in
        [(&moving[1..3], "rows that this one has not"), (&moving[3..], "somebody else uses it")]
    {
        let refused = heliograph(&folder.path().join("third"), &[&["migrate"][..], place].concat());
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains(words), "{refused:?}");
    }
}

async fn is_neither_held_back_nor_written_over_while_a_server_works(database: Option<String>) {
    let clinic = Clinic::new(database.clone()).await;
    let mut command = clinic.command();
    command.arg("serve");
    let (server, _) = started(command).await;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let copy = format!("sqlite:{}", folder.path().join("copy.db").display());
    let run =
        async |args: &[&str]| clinic.command().args(args).stderr(Stdio::piped()).output().await.unwrap();
    let backup = folder.path().join("clinic.backup").display().to_string();
    said(&run(&["backup", &backup]).await);
    for args in [&["restore"][..], &["restore", &backup], &["migrate", "--to", &copy]] {
        let refused = run(args).await;
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && words.contains("heliograph: A server "), "{words}");
        assert!(words.contains("Stop it first"), "{words}");
    }
    if let Some(url) = &database {
        said(&heliograph(&other, &["demo"]));
        let refused = heliograph(&other, &["migrate", "--to", url]);
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains("--to: A server is connected"),
            "{refused:?}"
        );
    }
    server.tell(Signal::TERM);
    server.ends().await;
    said(&run(&["restore"]).await);
}

#[tokio::test]
async fn a_database_is_left_alone_while_a_server_works_with_it() {
    is_neither_held_back_nor_written_over_while_a_server_works(None).await;
}

#[tokio::test]
async fn a_database_is_left_alone_while_a_server_works_with_it_on_postgres() {
    if let Some(url) = testing::postgres().await {
        is_neither_held_back_nor_written_over_while_a_server_works(Some(url)).await;
    }
}
