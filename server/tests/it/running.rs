//! A server that runs for one test.

use backend::{Backend, lines, organisations, staff, tokens};
use clap::{Args, Command, FromArgMatches};
use futures::StreamExt;
use model::line::ProviderKind;
use model::phone::Country;
use model::staff::Role;
use model::{OrgId, PatientId};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use server::config::{Config, Settings};
use server::setup::SetupError;
use server::{App, serve, setup};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A picture of 96 x 64 pixels.
pub(crate) const PHOTO: &[u8] = include_bytes!("photo.png");

/// The patient's number, of the range that is set aside for fiction.
pub(crate) const NUMBER: &str = "+61491570156";

/// How long a test waits for something that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) base: String,
    pub(crate) backend: Backend,
    pub(crate) app: App,
    pub(crate) org: OrgId,
    /// Of an API token with the role admin.
    pub(crate) admin: Asking,
    /// Of an API token with the role staff.
    pub(crate) staff: Asking,
    /// Of an API token with the role viewer.
    pub(crate) viewer: Asking,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
    pub(crate) folder: tempfile::TempDir,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With further settings, as command line options.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = config(&data, settings);
        config.program = PathBuf::from(env!("CARGO_BIN_EXE_heliograph"));
        let base = config.public_base(listener.local_addr().unwrap());
        let backend = setup::open(&config, base.clone()).await.unwrap();
        let org = organisations::create(&backend, "Harbour Clinic", Country::AU).await.unwrap();
        let line = lines::NewLine {
            name: "Front desk".to_owned(),
            number: "0491 570 006".to_owned(),
            provider: ProviderKind::Simulator,
            credentials: Value::Null,
        };
        lines::add(&backend, org, line).await.unwrap();
        let base = base.as_str().trim_end_matches('/').to_owned();
        let mut tokens = Vec::new();
        for role in [Role::Admin, Role::Staff, Role::Viewer] {
            let token = tokens::add(&backend, org, role.label(), role).await.unwrap();
            tokens.push(Asking { base: base.clone(), bearer: Some(token), client: client() });
        }
        let app = App::new(backend.clone(), &config);
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(listener, app.clone(), async move {
            let _ = stopped.await;
        }));
        let mut tokens = tokens.into_iter();
        let mut next = || tokens.next().unwrap();
        let (admin, staff, viewer) = (next(), next(), next());
        Self { base, backend, app, org, admin, staff, viewer, stop: Some(stop), served, folder }
    }

    /// Someone without a token.
    pub(crate) fn nobody(&self) -> Asking {
        Asking { base: self.base.clone(), bearer: None, client: client() }
    }

    /// A person of the organisation, signed in: the value of their cookie.
    pub(crate) async fn session(&self, role: Role) -> String {
        let email = format!("{}@clinic.example", role.as_str());
        let link = staff::add(&self.backend, self.org, &email, role.label(), role).await.unwrap();
        let link = link.link().unwrap();
        let token = link.rsplit('/').next().unwrap();
        let session =
            backend::sign_in::use_one_time_link(&self.backend, token, "a long enough password").await;
        format!("heliograph_session={}", session.unwrap().token)
    }

    /// A patient with [`NUMBER`].
    pub(crate) async fn patient(&self) -> PatientId {
        let input =
            json!({"name": "Amelia Hart", "numbers": [{"number": "0491 570 156", "label": "Mobile"}]});
        let made = self.staff.post("/api/patients", input).await;
        assert_eq!(made.status, 201, "{}", made.json);
        made.json["id"].as_str().unwrap().parse().unwrap()
    }

    /// Asks again whenever something changed in the organisation, until the answer is there.
    pub(crate) async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let mut changes = self.backend.live.subscribe();
        let found = async {
            loop {
                if let Some(found) = ask().await {
                    return found;
                }
                let _ = changes.recv().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        tokio::time::timeout(PATIENCE, &mut self.served).await.expect("the server stops").unwrap().unwrap();
    }
}

fn config(data: &Path, settings: &[&str]) -> Config {
    let mut args = vec!["--data", data.to_str().unwrap()];
    args.extend(settings);
    let command = Settings::augment_args(Command::new("heliograph").no_binary_name(true));
    let settings = Settings::from_arg_matches(&command.get_matches_from(args)).unwrap();
    Config::from_settings(&settings).unwrap()
}

/// Opens the product without serving it.
pub(crate) async fn open(data: &Path, settings: &[&str]) -> Result<Backend, SetupError> {
    let config = config(data, settings);
    let base = config.public_base(config.addr);
    setup::open(&config, base).await
}

pub(crate) fn client() -> Client {
    #[expect(clippy::disallowed_methods, reason = "a test asks as strangers do, on loopback")]
    Client::new()
}

/// Someone who asks.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) base: String,
    pub(crate) bearer: Option<String>,
    pub(crate) client: Client,
}

/// What was answered, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        Self { status, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// The status and the code in the one error shape, which has exactly three fields.
    pub(crate) fn failure(&self) -> (u16, &str) {
        let error = self.json["error"].as_object().unwrap_or_else(|| panic!("not the one shape: {self:?}"));
        let mut fields: Vec<_> = error.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["code", "field", "message"], "{self:?}");
        assert!(error["message"].as_str().unwrap().ends_with('.'), "{self:?}");
        (self.status, error["code"].as_str().unwrap())
    }
}

impl Asking {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let request = self.client.request(method, url);
        match &self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        Answer::of(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    /// Waits until `/readyz` says this of database and blobs: what it found is good for some seconds.
    pub(crate) async fn readiness_becomes(&self, database: &str, blobs: &str) {
        let parts = json!({"database": database, "blobs": blobs, "process": "ready"});
        let found = async {
            loop {
                let Answer { status, json, .. } = self.get("/readyz").await;
                if (status == 200 && json == parts) || (status == 503 && json["parts"] == parts) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("/readyz never says {parts}"));
    }

    pub(crate) async fn upload(&self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        let (content_type, body) = form(fields, Some(file));
        let request = self.request(Method::POST, path).header("content-type", content_type).body(body);
        Answer::of(request.send().await.unwrap()).await
    }
}

/// A multipart form: its content type and its bytes.
pub(crate) fn form(fields: &[(&str, &str)], file: Option<&[u8]>) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let field = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(field.as_bytes());
    }
    if let Some(file) = file {
        let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"rash.png\"\r\n\
                    Content-Type: image/png\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge", body)
}

/// Reads events off a stream until one of them fits.
pub(crate) async fn read_events(response: Response, mut fits: impl FnMut(&str) -> bool) -> String {
    let mut text = String::new();
    let mut stream = response.bytes_stream();
    let read = async {
        while let Some(piece) = stream.next().await {
            text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
            if fits(&text) {
                return;
            }
        }
        panic!("the stream ended: {text}");
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an event");
    text
}
