//! Whoever asks too often hears when to come back, in the one shape.

use crate::running::{Answer, PHOTO, Running, form};
use model::conversation::InboxQuery;
use model::staff::Role;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

/// Seconds to wait, where the request was one too many.
async fn wait(request: RequestBuilder) -> Option<u64> {
    let response = request.send().await.unwrap();
    let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let answer = Answer::of(response).await;
    if answer.status != 429 {
        assert_eq!((answer.status / 100, header), (2, None), "{}", answer.json);
        return None;
    }
    assert_eq!(answer.failure(), (429, "too_many_requests"));
    Some(header.expect("it says when to come back").parse().unwrap())
}

#[tokio::test]
async fn one_request_too_many_is_told_when_to_come_back() {
    let limits = ["uploads", "token-sends", "searches"].map(|what| format!("--{what}-per-minute"));
    let settings: Vec<&str> = limits.iter().flat_map(|limit| [limit.as_str(), "1"]).collect();
    let running = Running::with(&settings).await;
    let patient = running.patient().await;
    let staff = &running.staff;
    let session = running.session(Role::Staff).await;

    let upload = || {
        let (content_type, body) = form(&[], Some(PHOTO));
        let request = staff.request(Method::POST, "/api/sms/upload-media/");
        request.header("content-type", content_type).body(body)
    };
    let send = || {
        let path = format!("/api/sms/patient/{patient}/send/");
        staff.request(Method::POST, &path).json(&json!({"message": "Hello"}))
    };
    let search = || staff.request(Method::GET, "/api/conversations?search=Amelia");
    let on_the_page = || {
        let request = running.nobody().request(Method::POST, "/api/ui/inbox/list");
        let request = request.header("cookie", &session).header("sec-fetch-site", "same-origin");
        request.json(
            &json!({"query": InboxQuery { search: Some("Amelia".to_owned()), ..InboxQuery::default() }}),
        )
    };
    let requests: [&dyn Fn() -> RequestBuilder; 4] = [&upload, &send, &search, &on_the_page];
    for request in requests {
        assert_eq!(wait(request()).await, None);
        let told = wait(request()).await.expect("one too many");
        assert!((1..=60).contains(&told), "{told}");
    }
    let mut guesses = 0;
    let told = loop {
        let guess = json!({"email": "sam@clinic.example", "password": format!("guess number {guesses}")});
        let request = running.nobody().request(Method::POST, "/api/ui/session/sign-in").json(&guess);
        let response = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
        guesses += 1;
        if response.status() == 429 {
            break response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
        }
        assert!(guesses < 20, "a password may be guessed at for ever");
    };
    assert!(guesses > 3 && told > 0, "{guesses} {told}");
    // Others are not in the way.
    assert_eq!(wait(running.admin.request(Method::GET, "/api/conversations?search=Amelia")).await, None);
    running.stop().await;
}
