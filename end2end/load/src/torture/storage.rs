//! The database server and the blob store of the run's own, which are stopped and started under the server.

use super::children::{Program, end};
use super::dice::Dice;
use anyhow::{Context, Result, bail};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use backend::media::blobs::S3Settings;
use rustix::process::Signal;
use services::postgres::Commits;
use services::{postgres, seaweedfs};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::process::Child;

/// How long a service may take until it answers. What was killed first reads its log.
const START_WITHIN: Duration = Duration::from_secs(120);

const BUCKET: &str = "photos";
const REGION: &str = "us-east-1";

/// Fast, immediate (which its own log recovers from), and not asked at all.
const ENDS_POSTGRES: &[Signal] = &[Signal::INT, Signal::QUIT, Signal::KILL];

const ENDS_S3: &[Signal] = &[Signal::TERM, Signal::KILL];

/// A service that loses nothing that it has confirmed, however it is stopped.
pub(super) struct Service {
    pub(super) name: &'static str,
    program: Program,
    door: Door,
    /// The ways to stop it.
    signals: &'static [Signal],
    child: Option<Child>,
}

/// How to see that it answers.
enum Door {
    Postgres(String),
    S3(S3Settings),
}

impl Service {
    /// Starts it and waits until it answers.
    pub(super) async fn start(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            let ended = match self.child.as_mut() {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if ended {
                // What is left of the process before may still be in the way for a moment.
                self.child = Some(self.program.start()?);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            if self.door.answers().await {
                return Ok(());
            }
            if started.elapsed() > START_WITHIN {
                bail!("{} does not answer; see {}", self.name, self.program.log.display());
            }
        }
    }

    /// Stops it in one of its ways, at once or in good order.
    pub(super) async fn stop(&mut self, dice: &mut Dice) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let signal = self.signals[dice.below(self.signals.len())];
        end(&mut child, signal).await
    }
}

impl Door {
    async fn answers(&self) -> bool {
        match self {
            Self::Postgres(url) => match PgConnectOptions::from_str(url) {
                Ok(options) => options.connect().await.is_ok(),
                Err(_) => false,
            },
            Self::S3(settings) => match client(settings) {
                // Made here for the first time, found afterwards.
                Ok(s3) => {
                    let made = Box::pin(s3.create_bucket().bucket(BUCKET).send()).await.is_ok();
                    made || Box::pin(s3.head_bucket().bucket(BUCKET).send()).await.is_ok()
                }
                Err(_) => false,
            },
        }
    }
}

/// A cluster that writes through to the disk. Answers with its address too.
pub(super) async fn postgres(binaries: &Path, folder: &Path, port: u16) -> Result<(Service, String)> {
    fs::create_dir_all(folder)?;
    let user = postgres::user()?;
    if let Some((user, group)) = user {
        chown(folder, Some(user), Some(group))?;
    }
    let data = folder.join("data");
    let program = |name: &str, args: Vec<String>| Program {
        path: binaries.join(name),
        args,
        environment: Vec::new(),
        folder: folder.to_owned(),
        log: folder.join("postgres.log"),
        user,
    };
    program("initdb", Vec::new()).once(&postgres::to_make(&data, Commits::Durable), "").await?;
    let url = postgres::url(port);
    let service = Service {
        name: "PostgreSQL",
        program: program("postgres", postgres::to_serve(&data, port, Commits::Durable)),
        door: Door::Postgres(url.clone()),
        signals: ENDS_POSTGRES,
        child: None,
    };
    Ok((service, url))
}

/// SeaweedFS. Answers with what the server needs to know of it too.
pub(super) fn s3(weed: &Path, folder: &Path, ports: &[u16]) -> Result<(Service, S3Settings)> {
    let (args, port) = seaweedfs::prepared(folder, ports)?;
    let settings = S3Settings {
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        credentials: Some((seaweedfs::ACCESS_KEY_ID.to_owned(), seaweedfs::SECRET_ACCESS_KEY.to_owned())),
        endpoint: Some(format!("http://127.0.0.1:{port}").parse()?),
        folder: String::new(),
    };
    let program = Program {
        path: weed.to_owned(),
        args,
        environment: Vec::new(),
        folder: folder.to_owned(),
        log: folder.join("seaweedfs.log"),
        user: None,
    };
    let door = Door::S3(settings.clone());
    Ok((Service { name: "SeaweedFS", program, door, signals: ENDS_S3, child: None }, settings))
}

/// The settings that name the bucket to the server.
pub(super) fn s3_environment(settings: &S3Settings) -> Vec<(&'static str, String)> {
    let endpoint = settings.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
    let (id, secret) = settings.credentials.clone().unwrap_or_default();
    vec![
        ("AWS_S3_BUCKET", settings.bucket.clone()),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_ENDPOINT_URL_S3", endpoint),
    ]
}

fn client(settings: &S3Settings) -> Result<aws_sdk_s3::Client> {
    let (id, secret) = settings.credentials.clone().context("the run's own key")?;
    let endpoint = settings.endpoint.clone().context("the run's own server")?;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(Credentials::new(id, secret, None, None, "torture"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .build();
    Ok(aws_sdk_s3::Client::from_conf(config))
}
