//! What is written about the API is true: the description covers it, and the page's lines run.

use crate::running::{NUMBER, PATIENCE, PHOTO, Running};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test]
async fn the_description_has_every_call() {
    let running = Running::start().await;
    let api = running.nobody().get("/api/openapi.json").await.json;
    for (path, methods) in [
        ("/api/sms/upload-media/", &["post"][..]),
        ("/api/sms/patient/{patient_id}/send/", &["post"]),
        ("/api/sms/patient/{patient_id}/messages/", &["get"]),
        ("/api/sms/mms/{message_id}/is-saved/", &["get"]),
        ("/api/sms/mms/{message_id}/save-to-images/", &["post"]),
        ("/api/conversations", &["get"]),
        ("/api/conversations/{id}", &["get"]),
        ("/api/conversations/{id}/reply", &["post"]),
        ("/api/conversations/{id}/reply-with-media", &["post"]),
        ("/api/conversations/{id}/read", &["patch"]),
        ("/api/messages/search", &["get"]),
        ("/api/messages/{id}/link/revoke", &["post"]),
        ("/api/messages/{id}/link/extend", &["post"]),
        ("/api/messages/{id}/link/resend", &["post"]),
        ("/api/patients", &["get", "post"]),
        ("/api/patients/{id}", &["get", "patch", "delete"]),
        ("/api/patients/{id}/images", &["post"]),
        ("/api/images", &["get", "post"]),
        ("/api/images/{id}", &["get", "patch", "delete"]),
        ("/api/reports/messages", &["get"]),
        ("/api/reports/messages.csv", &["get"]),
        ("/api/whatsapp-templates", &["get"]),
        ("/api/operation", &["get"]),
        ("/api/operation/replay", &["post"]),
        ("/api/operation/webhooks/{id}/replay", &["post"]),
        ("/api/operation/webhooks/{id}/dismiss", &["post"]),
        ("/api/operation/jobs/{id}/replay", &["post"]),
        ("/api/operation/jobs/{id}/dismiss", &["post"]),
        ("/api/live", &["get"]),
    ] {
        for method in methods {
            let call = &api["paths"][path][method];
            assert!(call["responses"]["401"].is_object(), "{method} {path}: {call}");
        }
    }
    assert_eq!(api["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let text = api.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(api["components"]["schemas"][name].is_object(), "{name} is named and not described");
    }
    for page in ["/api/docs", "/api/docs.js", "/api/docs.css"] {
        assert_eq!(running.nobody().get(page).await.status, 200);
    }
    running.stop().await;
}

#[tokio::test]
async fn the_lines_of_the_api_page_run() {
    let page = Path::new("../docs/api.md");
    let page = fs::read_to_string(page).unwrap();
    let mut script = String::from("set -euo pipefail\n");
    for block in page.split("```sh\n").skip(1) {
        script.push_str(block.split("```").next().unwrap());
    }
    assert!(script.contains("upload-media") && script.contains("/send/") && script.contains("${INBOUND_URL"));
    let running = Running::start().await;
    let patient = running.patient().await;
    fs::write(running.folder.path().join("photo.png"), PHOTO).unwrap();
    let run = Command::new("bash")
        .arg("-c")
        .arg(&script)
        .current_dir(running.folder.path())
        .env("HELIOGRAPH", &running.base)
        .env("TOKEN", running.staff.bearer.as_deref().unwrap())
        .env("PATIENT", patient.to_string())
        .env("INBOUND_URL", twilio_line(&running).await)
        .env("TWILIO_AUTH_TOKEN", "test_auth_token_0123456789abcdef")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(PATIENCE, run).await.expect("the page's lines come to an end").unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");
    // The webhook of the page is taken as genuine.
    running
        .until("the page's inbound message", async || {
            let inbox = running.staff.get("/api/conversations").await.json;
            inbox.to_string().contains("When can I come?").then_some(())
        })
        .await;
    let phone = running.staff.get(&format!("/simulator/phones/{NUMBER}")).await.json;
    assert!(phone.to_string().contains("Your photo, as promised"), "{phone}");
    running.stop().await;
}

async fn twilio_line(running: &Running) -> String {
    let new = backend::lines::NewLine {
        name: "Twilio".to_owned(),
        number: "0491 570 313".to_owned(),
        provider: model::line::ProviderKind::Twilio,
        credentials: serde_json::json!({
            "account_sid": "AC00000000000000000000000000000001",
            "auth_token": "test_auth_token_0123456789abcdef",
        }),
    };
    backend::lines::add(&running.backend, running.org, new).await.unwrap().accounts[0].inbound_url.clone()
}
