//! Keys that are not those of before.

use crate::running::{Running, open};
use std::path::{Path, PathBuf};

#[tokio::test]
async fn another_key_than_that_of_before_is_refused_in_words() {
    let running = Running::start().await;
    let data = running.folder.path().join("data");
    let key = "ab".repeat(32);
    for (option, setting) in
        [("--master-key", "HELIOGRAPH_MASTER_KEY"), ("--phone-hash-key", "PHONE_HASH_KEY")]
    {
        let refused = open(&data, &[option, &key]).await.map(drop).unwrap_err().to_string();
        assert!(refused.starts_with(setting) && refused.contains("backup"), "{refused}");
    }
    open(&data, &[]).await.expect("its own keys open it");
    running.stop().await;
}

#[tokio::test]
async fn a_key_that_is_lost_before_there_is_an_organisation_is_refused_as_well() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &[]).await.unwrap().store.close().await;
    std::fs::remove_file(key_file(folder.path())).unwrap();
    let refused = open(folder.path(), &[]).await.map(drop).unwrap_err().to_string();
    assert!(refused.starts_with("HELIOGRAPH_MASTER_KEY"), "{refused}");
    assert!(!key_file(folder.path()).exists(), "a key that does not fit is not kept");
}

#[tokio::test]
async fn a_database_that_is_lost_is_never_replaced_by_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &[]).await.unwrap().store.close().await;
    let database = folder.path().join("heliograph.db");
    std::fs::remove_file(&database).unwrap();
    let refused = async || open(folder.path(), &[]).await.map(drop).unwrap_err().to_string();
    let words = refused().await;
    assert!(
        words.starts_with("DATABASE_URL: there is no database at") && words.contains("restore"),
        "{words}"
    );
    assert!(!database.exists());
    std::fs::write(&database, "").unwrap();
    assert_eq!(refused().await, words, "an empty file is none either");
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_by_the_setting_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("not there/key").display().to_string();
    let nobody_listens = "postgres://nobody@127.0.0.1:1/heliograph";
    let file = folder.path().join("a file");
    std::fs::write(&file, "").unwrap();
    for (data, settings, setting, what) in [
        ("data", &["--master-key-file", &missing][..], "HELIOGRAPH_MASTER_KEY", missing.as_str()),
        ("data", &["--phone-hash-key-file", &missing], "PHONE_HASH_KEY", &missing),
        ("data", &["--database-url", &format!("sqlite:{missing}")], "DATABASE_URL", &missing),
        ("data", &["--database-url", nobody_listens], "DATABASE_URL", "refused"),
        ("a file", &[], "HELIOGRAPH_DATA", "a file"),
    ] {
        let refused = open(&folder.path().join(data), settings).await.map(drop).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("{setting}: ")) && refused.contains(what), "{refused}");
    }
}

fn key_file(data: &Path) -> PathBuf {
    data.join("keys/master.key")
}
