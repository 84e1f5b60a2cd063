//! Who may do what, and who is who.

use crate::running::{Answer, NUMBER, PATIENCE, PHOTO, Running, form, read_events};
use backend::{organisations, staff};
use futures::StreamExt;
use model::phone::Country;
use model::staff::Role;
use reqwest::Method;
use serde_json::{Value, json};

/// A call, the body it needs, and what each role gets: admin, staff, viewer.
type Row = (Method, &'static str, Value, [u16; 3]);

#[tokio::test]
async fn each_role_may_what_the_table_says() {
    let running = Running::start().await;
    let patient = running.patient().await.to_string();
    let none = "00000000-0000-7000-8000-000000000000";
    let filing = json!({"patient_id": patient, "category": "other"});
    // 404 and 422 say: it was allowed, and what it names is not there.
    let table: Vec<Row> = vec![
        (Method::GET, "/api/conversations", Value::Null, [200, 200, 200]),
        (Method::GET, "/api/conversations/{none}", Value::Null, [404, 404, 404]),
        (Method::POST, "/api/conversations/{none}/reply", json!({"message": "x"}), [404, 404, 403]),
        (Method::PATCH, "/api/conversations/{none}/read", json!({}), [404, 404, 404]),
        (Method::GET, "/api/messages/search?q=tooth", Value::Null, [200, 200, 200]),
        (Method::GET, "/api/messages/search?q=tooth&cursor=none", Value::Null, [422, 422, 422]),
        (Method::POST, "/api/messages/{none}/link/revoke", Value::Null, [404, 404, 403]),
        (Method::POST, "/api/messages/{none}/link/extend", Value::Null, [404, 404, 403]),
        (Method::POST, "/api/messages/{none}/link/resend", json!({}), [404, 404, 403]),
        (Method::GET, "/api/patients", Value::Null, [200, 200, 200]),
        (Method::POST, "/api/patients", json!({"name": ""}), [422, 422, 403]),
        (Method::GET, "/api/patients/{patient}", Value::Null, [200, 200, 200]),
        (Method::PATCH, "/api/patients/{patient}", json!({"notes": "x"}), [200, 200, 403]),
        (Method::DELETE, "/api/patients/{none}", Value::Null, [404, 404, 403]),
        (Method::GET, "/api/sms/patient/{patient}/messages/", Value::Null, [200, 200, 200]),
        (Method::POST, "/api/sms/patient/{patient}/send/", json!({"message": ""}), [422, 422, 403]),
        (Method::POST, "/api/sms/mms/{none}/save-to-images/", filing, [404, 404, 403]),
        (Method::GET, "/api/images", Value::Null, [200, 200, 200]),
        (Method::GET, "/api/images/{none}", Value::Null, [404, 404, 404]),
        (Method::PATCH, "/api/images/{none}", json!({"caption": "x"}), [404, 404, 403]),
        (Method::DELETE, "/api/images/{none}", Value::Null, [404, 403, 403]),
        (Method::GET, "/api/whatsapp-templates", Value::Null, [200, 200, 403]),
        (Method::GET, "/api/reports/messages", Value::Null, [200, 200, 403]),
        (Method::GET, "/api/reports/messages.csv?group_by=line", Value::Null, [200, 200, 403]),
        (Method::GET, "/api/reports/messages?zone=Atlantis", Value::Null, [422, 422, 403]),
        (Method::GET, "/api/operation", Value::Null, [200, 403, 403]),
        (Method::POST, "/api/operation/replay", Value::Null, [200, 403, 403]),
        (Method::POST, "/api/operation/webhooks/{none}/replay", Value::Null, [404, 403, 403]),
        (Method::POST, "/api/operation/webhooks/{none}/dismiss", Value::Null, [404, 403, 403]),
        (Method::POST, "/api/operation/jobs/{none}/replay", Value::Null, [404, 403, 403]),
        (Method::POST, "/api/operation/jobs/{none}/dismiss", Value::Null, [404, 403, 403]),
    ];
    for (method, path, body, expected) in table {
        let path = path.replace("{patient}", &patient).replace("{none}", none);
        let askers = [&running.admin, &running.staff, &running.viewer];
        for (asker, expected) in askers.into_iter().zip(expected) {
            let answer = asker.call(method.clone(), &path, body.clone()).await;
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.json);
        }
        let unsigned = running.nobody().call(method.clone(), &path, body).await;
        assert_eq!(unsigned.failure(), (401, "signed_out"), "{method} {path}");
    }
    let uploads = [&running.admin, &running.staff, &running.viewer];
    for (asker, expected) in uploads.into_iter().zip([201, 201, 403]) {
        assert_eq!(asker.upload("/api/sms/upload-media", &[], PHOTO).await.status, expected);
    }
    running.stop().await;
}

#[tokio::test]
async fn another_organisations_id_is_like_one_that_does_not_exist() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let other = organisations::create(&running.backend, "Hill Dental", Country::AU);
    let other = other.await.unwrap();
    let token = backend::tokens::add(&running.backend, other, "theirs", Role::Admin).await.unwrap();
    let mut stranger = running.nobody();
    stranger.bearer = Some(token);
    let theirs = stranger.get(&format!("/api/patients/{patient}")).await;
    let nobodys = stranger.get("/api/patients/00000000-0000-7000-8000-000000000000").await;
    assert_eq!(theirs.failure(), (404, "not_found"));
    assert_eq!(theirs.json, nobodys.json);
    let phone = stranger.get("/simulator/phones/+61491570156?line=%2B61491570006").await;
    assert_eq!(phone.failure(), (404, "not_found"));
    running.stop().await;
}

#[tokio::test]
async fn a_session_asks_from_our_own_pages_only() {
    let running = Running::start().await;
    let cookie = running.session(Role::Staff).await;
    let nobody = running.nobody();
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = nobody.request(Method::POST, "/api/patients").header("cookie", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.json(&json!({"name": "Ben Okafor"})).send().await.unwrap()).await
    };
    assert_eq!(ask(&[("sec-fetch-site", "same-origin")]).await.status, 201);
    assert_eq!(ask(&[("origin", &running.base)]).await.status, 201);
    assert_eq!(ask(&[("sec-fetch-site", "cross-site")]).await.failure(), (403, "not_allowed"));
    assert_eq!(ask(&[("origin", "https://evil.example")]).await.failure(), (403, "not_allowed"));
    backend::sign_in::sign_out(&running.backend, cookie.split_once('=').unwrap().1).await.unwrap();
    assert_eq!(ask(&[]).await.failure(), (401, "signed_out"));
    running.stop().await;
}

#[tokio::test]
async fn a_page_hears_that_its_session_went_to_another_organisation() {
    let running = Running::start().await;
    let session = running.session(Role::Staff).await;
    let other = organisations::create(&running.backend, "Hill Dental", Country::AU).await.unwrap();
    staff::add(&running.backend, other, "staff@clinic.example", "Staff", Role::Viewer).await.unwrap();
    let ask = async |function: &str, body: Value| {
        let request = running.nobody().request(Method::POST, &format!("/api/ui/session/{function}"));
        let request = request.header("cookie", &session).header("sec-fetch-site", "same-origin");
        Answer::of(request.json(&body).send().await.unwrap()).await
    };
    let others = ask("elsewhere", json!({})).await;
    assert_eq!((others.status, &others.json[0]["name"]), (200, &json!("Hill Dental")), "{}", others.json);
    assert_eq!(
        ask("switch", json!({"to": "00000000-0000-7000-8000-000000000000"})).await.failure(),
        (404, "not_found")
    );
    assert_eq!(ask("switch", json!({"to": other})).await.status, 200);
    let now = ask("get", json!({})).await.json;
    assert_eq!((&now["me"]["organisation"]["id"], &now["me"]["role"]), (&json!(other), &json!("viewer")));
    let address = format!("/api/live?after=0&organisation={}", running.org);
    let stream = running.nobody().request(Method::GET, &address).header("cookie", &session);
    let stream = stream.send().await.unwrap();
    let told = tokio::time::timeout(PATIENCE, stream.text()).await.expect("the stream ends").unwrap();
    assert!(told.contains("event: moved"), "{told}");
    let address = format!("/api/live?after=0&organisation={other}");
    let stream = running.nobody().request(Method::GET, &address).header("cookie", &session);
    let told = read_events(stream.send().await.unwrap(), |text| text.contains("open")).await;
    assert!(!told.contains("moved"), "{told}");
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_taken_in_for_a_phone_without_a_line() {
    let running = Running::start().await;
    let other = organisations::create(&running.backend, "Hill Dental", Country::AU).await.unwrap();
    let mut stranger = running.nobody();
    stranger.bearer =
        Some(backend::tokens::add(&running.backend, other, "theirs", Role::Admin).await.unwrap());
    let replies = format!("/simulator/phones/{NUMBER}/replies");
    let unfinished = |field: &str| {
        let (content_type, mut body) = form(&[("line", field)], Some(PHOTO));
        // The rest of the file never comes.
        body.truncate(body.len() - PHOTO.len() / 2);
        let begun = futures::stream::iter([Ok::<_, std::io::Error>(body)]);
        let body = reqwest::Body::wrap_stream(begun.chain(futures::stream::pending()));
        (content_type, body)
    };
    for (asker, line) in [(&stranger, ""), (&running.staff, "+61491570313")] {
        let (content_type, body) = unfinished(line);
        let request = asker.request(Method::POST, &replies).header("content-type", content_type);
        let answer = tokio::time::timeout(PATIENCE, request.body(body).send()).await;
        let answer = Answer::of(answer.expect("an answer before the file").unwrap()).await;
        assert_eq!(answer.failure(), (404, "not_found"));
    }
    running.stop().await;
}
