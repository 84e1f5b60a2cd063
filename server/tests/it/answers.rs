//! Every refusal has the one shape.

use crate::running::{Running, form};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn every_refusal_has_the_one_shape() {
    let running = Running::start().await;
    let nobody = running.nobody();
    let staff = &running.staff;
    assert_eq!(nobody.get("/api/conversations").await.failure(), (401, "signed_out"));
    assert_eq!(staff.get("/api/nothing").await.failure(), (404, "not_found"));
    assert_eq!(staff.get("/nothing").await.failure(), (404, "not_found"));
    assert_eq!(staff.get("/webhooks/twilio/nobody/sideways").await.failure(), (404, "not_found"));
    assert_eq!(staff.get("/media/mms/inbound/nothing").await.failure(), (404, "not_found"));
    assert_eq!(staff.call(Method::PUT, "/api/patients", json!({})).await.failure(), (405, "invalid"));
    assert_eq!(staff.get("/api/patients/none").await.failure(), (404, "not_found"));
    assert_eq!(staff.get("/api/conversations?show=some").await.failure(), (422, "invalid"));
    assert_eq!(staff.post("/api/patients", json!({"name": 7})).await.failure(), (422, "invalid"));
    let body = |kind: &'static str, body: Vec<u8>| {
        staff.request(Method::POST, "/api/patients").header("content-type", kind).body(body).send()
    };
    let of = async |response| crate::running::Answer::of(response).await;
    let malformed = of(body("application/json", b"{".to_vec()).await.unwrap()).await;
    assert_eq!(malformed.failure(), (400, "invalid"));
    let not_json = of(body("text/plain", b"{}".to_vec()).await.unwrap()).await;
    assert_eq!(not_json.failure(), (415, "unsupported_media"));
    let huge = json!({ "name": "x".repeat(300_000) }).to_string().into_bytes();
    let oversize = of(body("application/json", huge).await.unwrap()).await;
    assert_eq!(oversize.failure(), (413, "too_large"));
    running.stop().await;
}

#[tokio::test]
async fn both_spellings_of_an_address_are_one() {
    let running = Running::start().await;
    for path in ["/api/patients", "/api/patients/", "/api/conversations/", "/api/openapi.json/"] {
        assert_eq!(running.staff.get(path).await.status, 200, "{path}");
    }
    running.stop().await;
}

#[tokio::test]
async fn files_that_cannot_be_sent_are_refused_by_their_bytes() {
    let running = Running::with(&["--max-media-size-bytes", "20000"]).await;
    let upload = async |bytes: &[u8]| running.staff.upload("/api/sms/upload-media/", &[], bytes).await;
    assert_eq!(upload(b"PK\x03\x04 not a picture").await.failure(), (415, "unsupported_media"));
    assert_eq!(upload(b"").await.failure(), (422, "broken_media"));
    // Past the limit although nobody announced it: the form as a whole is within the slack.
    assert_eq!(upload(&[crate::running::PHOTO, &[0; 30_000]].concat()).await.failure(), (413, "too_large"));
    assert_eq!(upload(&[0; 200_000]).await.failure(), (413, "too_large"));
    let (kind, body) = form(&[("message", "no file")], None);
    let request = running.staff.request(Method::POST, "/api/sms/upload-media").header("content-type", kind);
    let answer = crate::running::Answer::of(request.body(body).send().await.unwrap()).await;
    assert_eq!(answer.failure(), (422, "invalid"));
    assert_eq!(answer.json["error"]["field"], "file");
    running.stop().await;
}
