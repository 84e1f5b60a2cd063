//! The commands that set up organisations, lines and carriers, as an operator runs them.

use crate::moving::{heliograph, said};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A server that is being set up, and what its operator is told.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn said(&self, args: &[&str]) -> String {
        said(&heliograph(&self.data(), args))
    }

    /// Why it is refused.
    fn refused(&self, args: &[&str]) -> String {
        let output = heliograph(&self.data(), args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A file with credentials, as `--credentials` takes it.
    fn file(&self, credentials: &Value) -> String {
        let path = self.0.path().join("credentials.json");
        std::fs::write(&path, credentials.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const NUMBER: &str = "0491 570 313";

fn twilio() -> Value {
    json!({"account_sid": "AC00000000000000000000000000000001", "auth_token": "test_auth_token_0123456789abcdef"})
}

#[track_caller]
fn names(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "{part} is missing: {words}");
    }
}

#[test]
fn organisations_are_told_apart_by_their_names() {
    let desk = Desk::new();
    assert!(
        !desk.refused(&["org", "list"]).is_empty() && !desk.data().exists(),
        "nothing is made by looking"
    );
    desk.said(&["org", "add", "Harbour Clinic"]);
    names(&desk.refused(&["org", "add", " harbour clinic "]), &["name:", "already"]);
    names(&desk.refused(&["org", "add", "Hill Dental", "--country", "ZZ"]), &["country:", "ZZ"]);
    desk.said(&["org", "add", "Hill Dental", "--country", "nz"]);
    desk.said(&["staff", "add", "alex@example.org", "--org", "HILL DENTAL"]);
    desk.said(&["line", "add", NUMBER, "--provider", "simulator", "--org", "Harbour Clinic"]);
    assert_eq!(
        desk.said(&["org", "list"]),
        "Harbour Clinic (AU), lines: 1, staff: 0\nHill Dental (NZ), lines: 0, staff: 1\n"
    );
    let unknown = desk.refused(&["staff", "add", "sam@example.org", "--org", "Bay Physio"]);
    let database = desk.data().join("heliograph.db");
    names(&unknown, &["Bay Physio", database.to_str().unwrap(), "heliograph org add", "heliograph org list"]);
}

#[test]
fn nothing_is_made_for_an_admin_without_an_address() {
    let desk = Desk::new();
    let refused = desk.refused(&["serve", "--addr", "127.0.0.1:0", "--admin-email", "admin"]);
    names(&refused, &["HELIOGRAPH_ADMIN_EMAIL: Write an e-mail address"]);
    assert_eq!(desk.said(&["org", "list"]), "", "the next start is the first one still");
}

#[test]
fn a_file_of_settings_that_cannot_be_read_is_told_without_a_value() {
    let desk = Desk::new();
    let secret = "postgres://clinic:pw Secret-1@127.0.0.1/heliograph";
    for (text, words) in [
        (
            format!("APP_URL=https://clinic.example\n# {secret}\nDATABASE_URL={secret}\n"),
            "line 3 is no setting",
        ),
        (format!("{secret}\n"), "line 1 is no setting"),
    ] {
        std::fs::write(desk.0.path().join(".env"), text).unwrap();
        let refused = desk.refused(&["org", "list"]);
        names(&refused, &[".env cannot be read", words, "single quotes"]);
        assert!(!refused.contains("Secret") && !refused.contains("clinic:"), "{refused}");
    }
}

#[test]
fn a_number_is_one_line_whose_first_real_carrier_takes_the_simulators_place() {
    let desk = Desk::new();
    desk.said(&["org", "add", "Harbour Clinic"]);
    desk.said(&["line", "add", NUMBER, "--provider", "simulator", "--name", "Reception"]);
    let twice = desk.refused(&["line", "add", "+61 491 570 313", "--provider", "simulator"]);
    names(&twice, &["number:", "Reception"]);
    let add = ["line", "carrier", "add", "Reception", "--provider", "twilio", "--credentials"];
    let added = desk.said(&[&add[..], &[desk.file(&twilio()).as_str()]].concat());
    names(&added, &["Inbound webhook: ", "Twilio took the simulator's place"]);
    let list = desk.said(&["line", "list"]);
    assert!(list.contains("Twilio") && !list.contains("Simulator"), "{list}");
}

#[test]
fn credentials_that_cannot_be_meant_are_refused_by_their_names() {
    let desk = Desk::new();
    desk.said(&["org", "add", "Harbour Clinic"]);
    let without = desk.refused(&["line", "add", NUMBER, "--provider", "telnyx"]);
    names(&without, &["Telnyx", "api_key", "public_key", "--credentials FILE"]);
    let add = |credentials: &Value| {
        let file = desk.file(credentials);
        desk.refused(&["line", "add", NUMBER, "--provider", "twilio", "--credentials", &file])
    };
    names(&add(&json!({"account_sid": "AC1", "auth_token": "token"})), &["account_sid:", "32"]);
    names(&add(&json!({"account_sid": "AC00000000000000000000000000000001"})), &["auth_token:", "missing"]);
    desk.said(&["line", "add", NUMBER, "--provider", "twilio", "--credentials", &desk.file(&twilio())]);
    let set = |credentials: &Value| {
        let file = desk.file(credentials);
        desk.refused(&["line", "carrier", "set", NUMBER, "--provider", "twilio", "--credentials", &file])
    };
    names(
        &set(&json!({"auth_tokn": "token"})),
        &["auth_tokn", "account_sid, auth_token, previous_auth_token"],
    );
    names(&set(&json!({"auth_token": "half a\ntoken"})), &["auth_token:", "line break"]);
    names(&set(&json!({"auth_token": "half token"})), &["auth_token:", "blank"]);
    names(&set(&json!({"auth_token": " "})), &["auth_token:", "missing"]);
    let exchange = ["line", "carrier", "set", NUMBER, "--provider", "twilio", "--exchange-secret"];
    names(&desk.refused(&exchange), &["Twilio", "no secret"]);
}

#[test]
fn a_look_at_the_lines_that_could_not_be_made_fails() {
    let desk = Desk::new();
    desk.said(&["org", "add", "Harbour Clinic"]);
    desk.said(&["line", "add", NUMBER, "--provider", "simulator"]);
    desk.said(&["line", "check"]);
    let mut credentials = twilio();
    // Nobody listens there.
    credentials["api_base"] = json!("http://127.0.0.1:9");
    let number = "0491 570 006";
    desk.said(&["line", "add", number, "--provider", "twilio", "--credentials", &desk.file(&credentials)]);
    let checked = heliograph(&desk.data(), &["--allow-private", "127.0.0.1:9", "line", "check"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    names(&String::from_utf8_lossy(&checked.stdout), &["FAILED ", "could not be reached"]);
    names(&String::from_utf8_lossy(&checked.stderr), &["1 of these could not be checked"]);
}
