#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use clap::{Args, Command, FromArgMatches};

fn settings(args: &[&str]) -> Settings {
    // Without the environment of whoever runs the tests.
    let command = Settings::augment_args(Command::new("heliograph").no_binary_name(true))
        .mut_args(|arg| arg.env(clap::builder::Resettable::<clap::builder::OsStr>::Reset));
    Settings::from_arg_matches(&command.get_matches_from(args)).unwrap()
}

fn problem(args: &[&str]) -> String {
    Config::from_settings(&settings(args)).unwrap_err().to_string()
}

#[test]
fn everything_has_a_default() {
    let config = Config::from_settings(&Settings::default()).unwrap();
    assert_eq!(config.database_url.expose(), "sqlite:data/heliograph.db");
    assert_eq!(config.max_media_bytes, 524_288_000);
    assert_eq!(config.limits, PerMinute::default());
    assert_eq!((config.limits.link_views, config.limits.link_openings), (120, 20));
    assert!(config.messaging_enabled && !config.mock_mode);
    assert!(matches!(config.blobs, BlobPlace::Folder(folder) if folder.ends_with("data/media")));
    assert_eq!(config.master_key, KeySource::Own("data/keys/master.key".into()));
    assert!(config.allow_private.is_empty());
}

#[test]
fn a_place_for_photos_is_a_folder_or_a_bucket_with_a_prefix() {
    let keys = settings(&["--aws-access-key-id", "id", "--aws-secret-access-key", "secret"]);
    let named = |place| BlobPlace::named(place, &keys).unwrap();
    assert!(matches!(named("/srv/photos"), BlobPlace::Folder(folder) if folder.ends_with("photos")));
    let BlobPlace::S3 { bucket, folder, credentials, .. } = named("s3://clinic-photos/heliograph/") else {
        panic!("a bucket");
    };
    assert_eq!((bucket.as_str(), folder.as_str()), ("clinic-photos", "heliograph"));
    assert_eq!(credentials.unwrap().0, "id");
    assert!(matches!(named("s3://clinic-photos"), BlobPlace::S3 { folder, .. } if folder.is_empty()));
    for mistyped in [
        "S3://clinic-photos",
        "s3:clinic-photos",
        "s3:/clinic-photos",
        "s3://",
        "s3:///heliograph",
        "s3://https://photos.example.org/x",
        "https://photos.example.org/x",
        "file:///srv/photos",
        "",
    ] {
        let refused = BlobPlace::named(mistyped, &keys).unwrap_err().to_string();
        assert!(refused.starts_with("--blobs: write s3://BUCKET"), "{mistyped}: {refused}");
    }
}

#[test]
fn an_empty_value_is_an_unset_one() {
    let config = Config::from_settings(&settings(&["--app-url", "", "--messaging-enabled", ""])).unwrap();
    assert!(config.app_url.is_none() && config.messaging_enabled);
}

#[test]
fn a_wrong_value_is_named_with_what_would_be_right() {
    assert!(problem(&["--app-url", "clinic.example"]).starts_with("APP_URL: "));
    assert!(problem(&["--app-url", "https://clinic.example/sms"]).starts_with("APP_URL: "));
    assert!(problem(&["--addr", "3000"]).starts_with("HELIOGRAPH_ADDR: "));
    assert!(problem(&["--database-url", "mysql://x"]).starts_with("DATABASE_URL: "));
    assert!(problem(&["--messaging-mock-mode", "maybe"]).starts_with("MESSAGING_MOCK_MODE: "));
    assert!(
        problem(&["--link-openings-per-minute", "0"]).starts_with("HELIOGRAPH_LINK_OPENINGS_PER_MINUTE: ")
    );
    assert!(problem(&["--sends-per-minute", "many"]).starts_with("HELIOGRAPH_SENDS_PER_MINUTE: "));
    assert!(problem(&["--allow-private", "localhost"]).starts_with("HELIOGRAPH_ALLOW_PRIVATE: "));
    assert!(
        problem(&["--aws-s3-bucket", "b", "--aws-access-key-id", "k"]).starts_with("AWS_SECRET_ACCESS_KEY: ")
    );
}

#[test]
fn secrets_are_never_printed() {
    let key = "0a".repeat(32);
    let config = Config::from_settings(&settings(&[
        "--master-key",
        &key,
        "--database-url",
        "postgres://u:hunter2@localhost/x",
        "--metrics-token",
        "hunter2",
    ]))
    .unwrap();
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("hunter2") && !printed.contains(&key) && !printed.contains("10, 10"),
        "{printed}"
    );
    let wrong = problem(&["--master-key", "hunter2"]);
    assert!(wrong.starts_with("HELIOGRAPH_MASTER_KEY: ") && !wrong.contains("hunter2"), "{wrong}");
}

#[test]
fn the_public_base_follows_the_address() {
    let config = Config::from_settings(&Settings::default()).unwrap();
    let base = |addr: &str| config.public_base(addr.parse().unwrap()).to_string();
    assert_eq!(base("0.0.0.0:3000"), "http://127.0.0.1:3000/");
    assert_eq!(base("[::1]:8080"), "http://[::1]:8080/");
}

#[test]
fn the_example_of_settings_is_up_to_date() {
    let path = Path::new("../.env.example");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == env_example(),
        ".env.example differs from the settings; run `cargo run -p server -- settings > .env.example`"
    );
}

#[test]
fn keys_are_made_once_and_kept_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let source = KeySource::Own(folder.path().join("keys/master.key"));
    assert_eq!(source.load().unwrap(), None);
    source.keep(&[7; 32]).unwrap();
    assert_eq!(source.load().unwrap(), Some([7; 32]));
    assert!(source.keep(&[8; 32]).is_err(), "a key is never replaced");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("keys/master.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_place_that_holds_no_pages_is_refused_by_what_serves_them() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().to_str().unwrap();
    let config = Config::from_settings(&settings(&["--site", site])).unwrap();
    let refused = config.require_pages().unwrap_err().to_string();
    assert!(refused.starts_with("HELIOGRAPH_SITE: ") && refused.contains(site), "{refused}");
    std::fs::create_dir(folder.path().join("pkg")).unwrap();
    std::fs::write(folder.path().join(MANIFEST), "{}").unwrap();
    config.require_pages().unwrap();
    Config::from_settings(&Settings::default()).unwrap().require_pages().expect("none is named");
}
