//! Several processes that are one product: none of them is missed when it goes, and each knows what the others did.

use crate::running::{Answer, Asking, NUMBER, PATIENCE, PHOTO, client, form, open, read_events};
use crate::twilio;
use backend::{Backend, lines, organisations, staff, testing, tokens};
use model::OrgId;
use model::line::ProviderKind;
use model::phone::Country;
use model::staff::Role;
use reqwest::{Client, Method, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use url::Url;

/// Shorter than the 15 seconds after which a stream looks for itself: what comes within it was told by the other process.
const SOON: Duration = Duration::from_secs(10);

/// Between two requests of one client: SQLite serves writers of several processes in no order.
const BREATH: Duration = Duration::from_millis(100);

/// Webhooks that were taken as genuine, read or not.
const TAKEN: &str =
    "SELECT COUNT(*) FROM journal_entry WHERE kind = 'inbound' AND state IN ('pending', 'done')";

const PASSWORD: &str = "a long enough password";

/// What there is before the first process starts.
pub(crate) struct Clinic {
    folder: tempfile::TempDir,
    database: Option<String>,
    org: OrgId,
    pub(crate) token: String,
    /// Where Twilio calls a second line.
    pub(crate) webhooks: String,
}

impl Clinic {
    pub(crate) async fn new(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = opened(folder.path(), database.as_deref()).await;
        let org = organisations::create(&backend, "Harbour Clinic", Country::AU).await.unwrap();
        let token = tokens::add(&backend, org, "For the story", Role::Admin).await.unwrap();
        let line = lines::NewLine {
            name: "Front desk".to_owned(),
            number: "0491 570 006".to_owned(),
            provider: ProviderKind::Simulator,
            credentials: Value::Null,
        };
        lines::add(&backend, org, line).await.unwrap();
        let twilio = lines::add(&backend, org, twilio::new_line()).await.unwrap();
        let webhooks = twilio::called(&twilio).parse::<Url>().unwrap().path().to_owned();
        backend.store.close().await;
        Self { folder, database, org, token, webhooks }
    }

    /// The program, with this clinic's data.
    pub(crate) fn command(&self) -> Command {
        self.with_settings(Command::new(env!("CARGO_BIN_EXE_heliograph")))
    }

    /// Two web and two worker processes, as an operator starts them.
    fn all_processes(&self) -> Command {
        let script = Path::new("../deploy/start.sh").canonicalize().unwrap();
        let mut command = self.with_settings(Command::new(script));
        command.env("HELIOGRAPH", env!("CARGO_BIN_EXE_heliograph"));
        command
    }

    pub(crate) fn with_settings(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env("HELIOGRAPH_DATA", self.folder.path().join("data"))
            .env("HELIOGRAPH_ADDR", "127.0.0.1:0")
            .env("HELIOGRAPH_TOKEN_SENDS_PER_MINUTE", "1000000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(url) = &self.database {
            command.env("DATABASE_URL", url);
        }
        command
    }
}

async fn opened(folder: &Path, database: Option<&str>) -> Backend {
    let settings: Vec<&str> = database.map_or_else(Vec::new, |url| vec!["--database-url", url]);
    open(&folder.join("data"), &settings).await.unwrap()
}

/// A program that runs, and what it says.
pub(crate) struct Program {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, says }
    }

    /// Its next line.
    async fn says(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.says.next_line()).await.expect("a line");
        line.unwrap().expect("it goes on")
    }

    pub(crate) fn id(&self) -> Option<Pid> {
        self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }

    pub(crate) fn tell(&self, signal: Signal) {
        kill_process(self.id().expect("it runs"), signal).unwrap();
    }

    pub(crate) async fn ends(mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it stops in time");
        assert!(ended.unwrap().success());
    }

    /// Reads `count` lines in which a process says that it is ready; answers their ids.
    async fn ready(&mut self, count: usize) -> HashSet<String> {
        let mut ids = HashSet::new();
        while ids.len() < count {
            let line = self.says().await;
            let (who, _) = line.split_once(": ").unwrap_or_else(|| panic!("no process says “{line}”"));
            let (role, id) = who.split_once(" process ").unwrap_or_else(|| panic!("nobody is “{who}”"));
            assert!(["web", "worker"].contains(&role), "{who}");
            ids.insert(id.to_owned());
        }
        ids
    }
}

/// A story that fails leaves nothing running: told to stop, a program also stops what it started.
impl Drop for Program {
    fn drop(&mut self) {
        if let Some(id) = self.id() {
            let _ = kill_process(id, Signal::TERM);
        }
    }
}

/// Asks again and again until told to stop.
struct Clients {
    enough: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

/// The n-th request of a client.
type Requests = Box<dyn Fn(&Client, usize) -> RequestBuilder + Send>;

/// Texts that were taken by the servers, in each direction.
#[derive(Default)]
struct Taken {
    sent: AtomicUsize,
    brought: AtomicUsize,
}

fn asks_for(base: &str, token: &str, path: &str) -> impl Fn(&Client, usize) -> RequestBuilder + use<> {
    let (url, token) = (format!("{base}{path}"), token.to_owned());
    move |client, _| client.get(&url).bearer_auth(&token)
}

/// Staff send one text after the other.
fn sends(base: &str, token: &str, patient: &str) -> impl Fn(&Client, usize) -> RequestBuilder + use<> {
    let (url, token) = (format!("{base}/api/sms/patient/{patient}/send/"), token.to_owned());
    move |client, n| {
        let text = json!({"message": format!("Out {n}"), "client_id": format!("out {n}")});
        client.post(&url).bearer_auth(&token).json(&text)
    }
}

/// Twilio brings one text after the other.
pub(crate) fn brings(base: &str, path: &str) -> impl Fn(&Client, usize) -> RequestBuilder + use<> {
    let url = format!("{base}{path}");
    move |client, n| {
        let (sid, text) = (format!("SM{n:032x}"), format!("In {n}"));
        let fields = twilio::inbound(&sid, &text);
        let signature = twilio::sign(twilio::TOKEN, &url, &fields);
        client.post(&url).header("x-twilio-signature", signature).form(&fields)
    }
}

impl Clients {
    fn start(base: &str, clinic: &Clinic, patient: &str, taken: &Arc<Taken>) -> Self {
        let (enough, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let ask = |client: Client, request: Requests, counts: fn(&Taken)| {
            let (enough, answered, taken) = (Arc::clone(&enough), Arc::clone(&answered), Arc::clone(taken));
            tokio::spawn(async move {
                let mut failures = Vec::new();
                for n in 0.. {
                    if enough.load(Ordering::SeqCst) {
                        break;
                    }
                    match request(&client, n).send().await {
                        Ok(answer) if answer.status().is_success() => {
                            if let Err(error) = answer.bytes().await {
                                failures.push(format!("half an answer: {error:?}"));
                            }
                            counts(&taken);
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(answer) => failures.push(answer.status().to_string()),
                        Err(error) => failures.push(format!("{error:?}")),
                    }
                    tokio::time::sleep(BREATH).await;
                }
                failures
            })
        };
        let token = &clinic.token;
        let look = |path: &str| Box::new(asks_for(base, token, path));
        let sent: fn(&Taken) = |taken| _ = taken.sent.fetch_add(1, Ordering::SeqCst);
        let brought: fn(&Taken) = |taken| _ = taken.brought.fetch_add(1, Ordering::SeqCst);
        let tasks = vec![
            ask(client(), look("/healthz"), |_| ()),
            ask(once_each(), look("/healthz"), |_| ()),
            ask(client(), look("/api/conversations"), |_| ()),
            ask(once_each(), look("/api/conversations"), |_| ()),
            ask(client(), Box::new(sends(base, token, patient)), sent),
            ask(once_each(), Box::new(brings(base, &clinic.webhooks)), brought),
        ];
        Self { enough, answered, tasks }
    }

    async fn until_answered(&self, more: usize) {
        let goal = self.answered.load(Ordering::SeqCst) + more;
        let reached = async {
            while self.answered.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("answers");
    }

    /// What failed.
    async fn stop(self) -> Vec<String> {
        self.enough.store(true, Ordering::SeqCst);
        let mut failures = Vec::new();
        for task in self.tasks {
            failures.extend(task.await.unwrap());
        }
        failures
    }
}

/// An upload of which half has been said.
struct SlowUpload {
    line: mpsc::Sender<io::Result<Vec<u8>>>,
    rest: Vec<u8>,
    answer: tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>,
}

impl SlowUpload {
    async fn begin(base: &str, clinic: &Clinic) -> Self {
        let (content_type, form) = form(&[], Some(PHOTO));
        let (line, said) = mpsc::channel::<io::Result<Vec<u8>>>(1);
        let upload = client()
            .post(format!("{base}/api/sms/upload-media/"))
            .bearer_auth(&clinic.token)
            .header("content-type", content_type)
            .body(reqwest::Body::wrap_stream(ReceiverStream::new(said)))
            .send();
        let answer = tokio::spawn(upload);
        let (begun, rest) = form.split_at(form.len() / 2);
        line.send(Ok(begun.to_vec())).await.unwrap();
        Self { line, rest: rest.to_vec(), answer }
    }

    /// Says the other half.
    async fn finish(self) -> reqwest::StatusCode {
        let Self { line, rest, answer } = self;
        line.send(Ok(rest)).await.unwrap();
        drop(line);
        answer.await.unwrap().expect("it is not cut").status()
    }
}

/// A program that runs, and where it is.
pub(crate) async fn started(command: Command) -> (Program, String) {
    let mut program = Program::start(command);
    let first = program.says().await;
    let base = first.strip_prefix("Heliograph is at ").unwrap_or_else(|| panic!("{first}")).to_owned();
    (program, base)
}

/// One web and one worker process.
async fn one_of_each(clinic: &Clinic) -> (Program, String) {
    let mut command = clinic.command();
    command.args(["supervise", "--web", "1", "--workers", "1"]);
    started(command).await
}

/// Makes a new connection for each request.
fn once_each() -> Client {
    #[expect(clippy::disallowed_methods, reason = "a test asks as strangers do, on loopback")]
    Client::builder().pool_max_idle_per_host(0).build().unwrap()
}

async fn is_replaced_without_a_failed_request(database: Option<String>) {
    let clinic = Clinic::new(database).await;
    let (mut all, base) = started(clinic.all_processes()).await;
    let old = all.ready(4).await;
    let staff = Asking { base: base.clone(), bearer: Some(clinic.token.clone()), client: client() };
    let input = json!({"name": "Amelia Hart", "numbers": [{"number": NUMBER, "label": "Mobile"}]});
    let patient = staff.post("/api/patients", input).await.json["id"].as_str().unwrap().to_owned();
    let taken = Arc::new(Taken::default());
    let clients = Clients::start(&base, &clinic, &patient, &taken);
    clients.until_answered(100).await;

    all.tell(Signal::HUP);
    let new = all.ready(4).await;
    assert!(old.is_disjoint(&new), "{old:?} {new:?}");
    assert_eq!(all.says().await, "Every process was replaced.");
    clients.until_answered(100).await;
    assert_eq!(clients.stop().await, Vec::<String>::new());

    // What ends by itself is started again.
    let one = Pid::from_raw(new.iter().next().unwrap().parse().unwrap()).unwrap();
    kill_process(one, Signal::KILL).unwrap();
    let again = all.ready(1).await;
    assert!(new.is_disjoint(&again));

    all.tell(Signal::TERM);
    all.ends().await;
    assert!(client().get(format!("{base}/healthz")).send().await.is_err(), "nobody listens any more");
    for id in new.union(&again) {
        assert!(!Path::new("/proc").join(id).exists(), "process {id} is left over");
    }

    // Every text that was taken is there once; those that were not read yet are in the journal.
    let backend = opened(clinic.folder.path(), clinic.database.as_deref()).await;
    let sent = testing::count(&backend, "SELECT COUNT(*) FROM message WHERE direction = 'outbound'").await;
    let brought = testing::count(&backend, TAKEN).await;
    backend.store.close().await;
    let counted = |taken: &AtomicUsize| i64::try_from(taken.load(Ordering::SeqCst)).unwrap();
    assert_eq!((sent, brought), (counted(&taken.sent), counted(&taken.brought)));
    assert!(sent > 2 && brought > 2, "{sent} {brought}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_is_replaced_without_a_failed_request() {
    is_replaced_without_a_failed_request(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_is_replaced_without_a_failed_request_on_postgres() {
    if let Some(url) = testing::postgres().await {
        is_replaced_without_a_failed_request(Some(url)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_new_process_starts_the_old_ones_go_on_and_that_is_said() {
    let clinic = Clinic::new(None).await;
    let (mut all, base) = one_of_each(&clinic).await;
    let old = all.ready(2).await;

    // A process with another key refuses to start.
    let file = clinic.folder.path().join("data/keys/master.key");
    let key = std::fs::read(&file).unwrap();
    std::fs::write(&file, "ab".repeat(32)).unwrap();
    all.tell(Signal::HUP);
    assert_eq!(all.says().await, "2 of 2 processes were not replaced and go on; the log says why.");
    assert_eq!(client().get(format!("{base}/readyz")).send().await.unwrap().status(), 200);

    std::fs::write(&file, key).unwrap();
    all.tell(Signal::HUP);
    assert!(old.is_disjoint(&all.ready(2).await));
    assert_eq!(all.says().await, "Every process was replaced.");
    all.tell(Signal::TERM);
    all.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_process_finishes_an_upload_over_a_slow_line_and_holds_up_no_other() {
    let clinic = Clinic::new(None).await;
    let (mut all, base) = one_of_each(&clinic).await;
    all.ready(2).await;
    let upload = SlowUpload::begin(&base, &clinic).await;
    all.tell(Signal::HUP);
    all.ready(1).await;

    // As long as the others wait, and longer than what a process that is told to stop has for everything.
    tokio::time::sleep(Duration::from_secs(60)).await;
    all.ready(1).await;
    assert_eq!(all.says().await, "Every process was replaced.");
    assert_eq!(upload.finish().await, 201);
    all.tell(Signal::TERM);
    all.ends().await;
}

/// Whether it does anything; one that ended may be there until somebody asks how.
fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    stat.is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|state| !state.starts_with('Z')))
}

#[tokio::test]
async fn processes_whose_keeper_was_killed_stop_and_leave_its_address_to_the_next() {
    let clinic = Clinic::new(None).await;
    let (mut all, base) = one_of_each(&clinic).await;
    let kept = all.ready(2).await;
    all.tell(Signal::KILL);
    let stopped = async {
        while kept.iter().any(|id| runs(id)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stopped).await.expect("they stop in time");
    let mut command = clinic.command();
    command.args(["supervise", "--web", "1", "--workers", "1"]);
    command.env("HELIOGRAPH_ADDR", base.strip_prefix("http://").unwrap());
    let (mut next, _) = started(command).await;
    next.ready(2).await;
    next.tell(Signal::TERM);
    next.ends().await;
}

#[tokio::test]
async fn a_process_whose_log_nobody_reads_any_more_answers_and_stops_as_told() {
    let clinic = Clinic::new(None).await;
    let mut command = clinic.command();
    command.arg("serve").stderr(Stdio::piped());
    let (mut program, base) = started(command).await;
    drop(program.child.stderr.take());
    for path in ["/sign-in", "/healthz"] {
        client().get(format!("{base}{path}")).send().await.expect("an answer");
    }
    program.tell(Signal::TERM);
    program.ends().await;
}

/// A process on a socket of this test's.
async fn web(clinic: &Clinic, socket: &TcpListener, app_url: &str) -> (Program, Asking) {
    let mut command = clinic.command();
    command.args(["serve", "--role", "web"]).env("APP_URL", app_url);
    command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
    let mut program = Program::start(command);
    assert!(program.says().await.starts_with("Heliograph is at "));
    let base = format!("http://{}", socket.local_addr().unwrap());
    (program, Asking { base, bearer: Some(clinic.token.clone()), client: client() })
}

#[tokio::test]
async fn each_process_knows_what_the_others_did() {
    let Some(url) = testing::postgres().await else { return };
    let clinic = Clinic::new(Some(url)).await;
    let sockets = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let app_url = format!("http://{}", sockets[0].local_addr().unwrap());
    let (first, one) = web(&clinic, &sockets[0], &app_url).await;
    let (second, other) = web(&clinic, &sockets[1], &app_url).await;
    let mut command = clinic.command();
    command.args(["serve", "--role", "worker"]).env("APP_URL", &app_url);
    let mut worker = Program::start(command);
    let line = worker.says().await;
    let metrics = line.strip_prefix("A worker answers /metrics at ").unwrap_or_else(|| panic!("{line}"));

    // Who signed in through one is signed in everywhere.
    let backend = opened(clinic.folder.path(), clinic.database.as_deref()).await;
    let invited = staff::add(&backend, clinic.org, "sam@clinic.example", "Sam", Role::Staff).await.unwrap();
    let link = invited.link().unwrap();
    let token = link.rsplit('/').next().unwrap();
    backend::sign_in::use_one_time_link(&backend, token, PASSWORD).await.unwrap();
    backend.store.close().await;
    let person = Asking { bearer: None, ..one.clone() };
    let sign_in = person
        .request(Method::POST, "/api/ui/session/sign-in")
        .json(&json!({"email": "sam@clinic.example", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    let cookie = sign_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let elsewhere = Asking { bearer: None, ..other.clone() };
    let asked = elsewhere.request(Method::GET, "/api/conversations").header("cookie", &cookie);
    assert_eq!(Answer::of(asked.send().await.unwrap()).await.status, 200);

    // What is sent through one, a worker delivers, and streams of the other hear of it.
    let stream = other.request(Method::GET, "/api/live").send().await.unwrap();
    let input = json!({"name": "Amelia Hart", "numbers": [{"number": NUMBER, "label": "Mobile"}]});
    let patient = one.post("/api/patients", input).await.json["id"].as_str().unwrap().to_owned();
    let sent = one.post(&format!("/api/sms/patient/{patient}/send/"), json!({"message": "Come at 3"})).await;
    assert_eq!(sent.status, 201, "{}", sent.json);
    let heard = read_events(stream, |text| text.contains("message_added"));
    tokio::time::timeout(SOON, heard).await.expect("the other process is told");
    let delivered = async {
        let thread = format!("/api/sms/patient/{patient}/messages/");
        while other.get(&thread).await.json["messages"][0]["state"] != "delivered" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, delivered).await.expect("a worker delivers it");

    // A worker has no pages, and says how it is.
    let asked = |path: &str| client().get(format!("{metrics}{path}")).send();
    assert_eq!(asked("/readyz").await.unwrap().status(), 200);
    assert_eq!(asked("/metrics").await.unwrap().status(), 200);
    assert_eq!(asked("/api/conversations").await.unwrap().status(), 404);
    for program in [first, second, worker] {
        program.tell(Signal::TERM);
        program.ends().await;
    }
}

#[tokio::test]
async fn a_worker_asks_for_what_it_cannot_know() {
    let clinic = Clinic::new(None).await;
    for (arguments, named) in [(&["--demo"][..], "--demo"), (&[], "APP_URL")] {
        let mut command = clinic.command();
        command.args(["serve", "--role", "worker"]).args(arguments);
        let refused = command.stderr(Stdio::piped()).kill_on_drop(true).output();
        let refused = tokio::time::timeout(PATIENCE, refused).await.expect("it ends at once").unwrap();
        assert!(!refused.status.success());
        let words = String::from_utf8_lossy(&refused.stderr);
        assert!(words.contains(&format!("heliograph: {named}: ")), "{words}");
    }
}
