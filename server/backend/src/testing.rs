//! A whole backend for stories: a real database, memory for blobs, a clock that stands still, and a carrier on
//! loopback that a story scripts.

use crate::{
    Backend, Blobs, Caller, Clock, Keys, Parts, Settings, Store, jobs, limits, lines, live, organisations,
    staff, store,
};
use model::line::ProviderKind;
use model::phone::Country;
use model::staff::Role;
use model::{OrgId, PhoneNumber};
use picture_worker::PictureWorker;
use providers::{Http, Netguard};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use wiremock::MockServer;

/// When stories begin: 2026-03-02 09:00 UTC, a Monday.
pub const START: i64 = 1_772_442_000_000;

/// A backend with one organisation in Australia, an admin, and a Twilio line whose carrier is [`carrier`](Self::carrier).
pub struct TestBackend {
    /// What the story talks to.
    pub backend: Backend,
    /// The organisation.
    pub org: OrgId,
    /// Its admin.
    pub admin: Caller,
    /// Plays the carrier's API.
    pub carrier: MockServer,
    /// The secret part of the line's webhook paths.
    pub line_key: String,
    /// Jobs that the story expects to end aside; checked at its end.
    pub expected_failed_jobs: i64,
    _folder: tempfile::TempDir,
}

/// The account of the story's Twilio line, in the shape of its documentation's examples.
pub const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";

/// Signs the story's Twilio webhooks.
pub const TWILIO_TOKEN: &str = "test_auth_token_0123456789abcdef";

/// Where the story's server would be reached.
pub const APP_URL: &str = "https://clinic.example";

/// Runs a story on SQLite, and on PostgreSQL where `HELIOGRAPH_TEST_POSTGRES` names a server on which databases may
/// be made; `cargo xtask test` starts one. Fails when jobs are left that the story did not expect.
pub async fn on_each_engine<F>(story: impl Fn(TestBackend) -> F)
where
    F: Future<Output = TestBackend>,
{
    for url in [None, postgres().await]
        .into_iter()
        .enumerate()
        .filter_map(|(i, url)| (i == 0 || url.is_some()).then_some(url))
    {
        // Boxed, or every story would carry the largest futures of the whole backend.
        let story_backend = Box::pin(TestBackend::new(url.as_deref())).await;
        Box::pin(story(story_backend)).await.end().await;
    }
}

impl TestBackend {
    /// On SQLite in a folder of its own, or on the empty database at `url`.
    pub async fn new(url: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let url = url.map_or_else(
            || format!("sqlite:{}", folder.path().join("heliograph.db").display()),
            ToOwned::to_owned,
        );
        let store = Store::connect(&url).await.expect("the story's database opens");
        store.migrate().await.expect("the migrations apply");
        let carrier = MockServer::start().await;
        let backend = Backend::new(Parts {
            store,
            blobs: Blobs::memory(),
            http: Http::new(Netguard {
                allowed_private: HashSet::from([carrier.address().to_string()]),
                own: None,
            })
            .expect("the machine has certificates"),
            pictures: Arc::new(PictureWorker::new(picture_worker())),
            clock: Clock::adjustable(START),
            keys: Keys::new([7; 32], [8; 32]),
            settings: Settings {
                app_url: APP_URL.parse().expect("a URL"),
                max_media_bytes: 20 * 1024 * 1024,
                messaging_enabled: true,
                mock_mode: false,
                limits: limits::PerMinute::default(),
            },
            live: live::Hub::default(),
        });
        let org =
            organisations::create(&backend, "Harbour Clinic", Country::AU).await.expect("an organisation");
        let admin = person(&backend, org, "admin@clinic.example", Role::Admin).await;
        let line = lines::add(
            &backend,
            org,
            lines::NewLine {
                name: "Front desk".to_owned(),
                number: "0491 570 006".to_owned(),
                provider: ProviderKind::Twilio,
                credentials: serde_json::json!({
                    "account_sid": TWILIO_ACCOUNT,
                    "auth_token": TWILIO_TOKEN,
                    "api_base": carrier.uri(),
                    "content_base": carrier.uri(),
                }),
            },
        )
        .await
        .expect("a line");
        let line_key = line.accounts[0].inbound_url.rsplit('/').nth(1).unwrap_or_default().to_owned();
        Self { backend, org, admin, carrier, line_key, expected_failed_jobs: 0, _folder: folder }
    }

    /// The same product in a second process: on the same database, with a hub of its own.
    pub fn sibling(&self) -> Backend {
        let first = &self.backend;
        Backend::new(Parts {
            store: first.store.clone(),
            blobs: first.blobs.clone(),
            http: first.http.clone(),
            pictures: first.pictures.clone(),
            clock: first.clock.clone(),
            keys: first.keys.clone(),
            settings: first.settings.clone(),
            live: live::Hub::default(),
        })
    }

    /// A colleague with a role.
    pub async fn colleague(&self, role: Role) -> Caller {
        let email =
            format!("{}-{}@clinic.example", role.as_str(), self.backend.clock.new_id::<Uuid>().simple());
        person(&self.backend, self.org, &email, role).await
    }

    /// The admin of another organisation on the same server.
    pub async fn stranger(&self) -> Caller {
        let org =
            organisations::create(&self.backend, "Hill Dental", Country::AU).await.expect("an organisation");
        let email = format!("admin-{}@dental.example", self.backend.clock.new_id::<Uuid>().simple());
        person(&self.backend, org, &email, Role::Admin).await
    }

    /// Runs every job that is due. Messages leave as fast as they are sent, unless the story says how fast: its clock
    /// stands still, and most stories are about something else.
    pub async fn run_jobs(&self) -> usize {
        self.alter("UPDATE line_account SET send_pause_ms = 0 WHERE send_pause_ms IS NULL").await;
        jobs::run_due(&self.backend).await.expect("jobs can be claimed")
    }

    /// Moves the clock on, then runs every job that is due.
    pub async fn later(&self, by: Duration) -> usize {
        self.backend.clock.advance(by);
        self.run_jobs().await
    }

    /// A single number from the database, for what no view shows.
    pub async fn count(&self, sql: &'static str) -> i64 {
        count(&self.backend, sql).await
    }

    /// Changes the database behind the backend's back, for damage that no call does.
    pub async fn alter(&self, sql: &'static str) {
        alter(&self.backend, sql).await;
    }

    /// Which engine the story runs on, where the damage differs.
    pub async fn is_postgres(&self) -> bool {
        self.backend.store.read().await.expect("a transaction").is_postgres()
    }

    async fn end(self) {
        let failed = self.count("SELECT COUNT(*) FROM job WHERE state = 'failed'").await;
        assert_eq!(failed, self.expected_failed_jobs, "jobs that ended aside");
        self.backend.store.close().await;
    }
}

/// A single number from a backend's database.
pub async fn count(backend: &Backend, sql: &'static str) -> i64 {
    let mut tx = backend.store.read().await.expect("a transaction");
    tx.number(sql, store::args![]).await.expect("a count")
}

/// Changes a database behind its backend's back.
pub async fn alter(backend: &Backend, sql: &'static str) {
    let mut tx = backend.store.write().await.expect("a transaction");
    tx.execute(sql, store::args![]).await.expect("a statement that the engine knows");
    tx.commit().await.expect("a commit");
}

/// A number of the range that is set aside for fiction; `n` from 0 to 9.
pub fn fictitious_number(n: usize) -> PhoneNumber {
    const LAST: [&str; 10] =
        ["570156", "570157", "570158", "570159", "570110", "570313", "570737", "571266", "571491", "571804"];
    PhoneNumber::from_e164(&format!("+61491{}", LAST[n])).expect("E.164")
}

async fn person(backend: &Backend, org: OrgId, email: &str, role: Role) -> Caller {
    staff::add(backend, org, email, role.label(), role).await.expect("a person");
    let mut tx = backend.store.read().await.expect("a transaction");
    let row: Option<(Uuid,)> =
        tx.one("SELECT id FROM staff WHERE email = $1", store::args![email]).await.expect("a query");
    Caller { org_id: org, role, staff_id: row.map(|(id,)| id.into()), token_id: None }
}

/// A fresh, empty database on the server that `HELIOGRAPH_TEST_POSTGRES` names.
pub async fn postgres() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let server = std::env::var("HELIOGRAPH_TEST_POSTGRES").ok()?;
    let name = format!("story_{}", hex::encode(crate::clock::random_bytes::<8>()));
    let pool = sqlx::PgPool::connect(&server).await.expect("the PostgreSQL server for tests answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&pool)
        .await
        .expect("a database");
    pool.close().await;
    let mut url: url::Url = server.parse().expect("HELIOGRAPH_TEST_POSTGRES is a URL");
    url.set_path(&name);
    Some(url.into())
}

/// The program that decodes pictures lies beside the test's own, one folder up.
fn picture_worker() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test knows its program");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("picture-worker")
}
