//! Sending by WhatsApp, and the templates that Twilio's Content API lists.

use crate::support::*;
use model::message::Channel;
use model::whatsapp::TemplateState;
use providers::{CarrierTemplate, NotListed, Outbound, Template};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::form_urlencoded;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SID: &str = "HX00000000000000000000000000000001";

/// What Twilio is asked to send, as a form.
async fn asked_for(outbound: Outbound) -> Vec<(String, String)> {
    let server = MockServer::start().await;
    let taken =
        json!({ "sid": "SM00000000000000000000000000000002", "status": "queued", "num_segments": "1" });
    let answer = ResponseTemplate::new(201).set_body_json(taken);
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let account = account(with(twilio_credentials(), "api_base", &server.uri()));
    twilio().send(&http_to(&[&server]), &account, &outbound).await.unwrap();
    let request = server.received_requests().await.unwrap().remove(0);
    let form = form_urlencoded::parse(&request.body).into_owned();
    form.filter(|(name, _)| name != "StatusCallback").collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn both_numbers_are_addresses_of_whatsapp() {
    let outbound = Outbound { channel: Channel::Whatsapp, ..outbound("See you at 3", &[]) };
    let expected = pairs(&[
        ("To", "whatsapp:+61491570156"),
        ("From", "whatsapp:+61491570006"),
        ("Body", "See you at 3"),
    ]);
    assert_eq!(asked_for(outbound).await, expected);
}

#[tokio::test]
async fn a_template_is_named_with_what_is_filled_in_and_without_a_text() {
    let variables = vec![("1".to_owned(), "Zoë \"Z\"".to_owned()), ("2".to_owned(), "3 pm".to_owned())];
    let template = Some(Template { id: SID.to_owned(), variables });
    let outbound = Outbound { channel: Channel::Whatsapp, template, ..outbound("", &[]) };
    let expected = pairs(&[
        ("To", "whatsapp:+61491570156"),
        ("From", "whatsapp:+61491570006"),
        ("ContentSid", SID),
        ("ContentVariables", r#"{"1":"Zoë \"Z\"","2":"3 pm"}"#),
    ]);
    assert_eq!(asked_for(outbound).await, expected);
}

/// A content in the shape of Twilio's documentation.
fn content(n: u32, types: &Value, approval: &Value) -> Value {
    json!({
        "account_sid": ACCOUNT_SID, "sid": format!("HX{n:032x}"), "friendly_name": format!("template_{n}"),
        "language": "en", "variables": {"1": "Amelia"}, "types": types, "approval_requests": approval,
        "date_created": "2026-03-01T09:00:00Z", "date_updated": "2026-03-01T09:00:00Z",
        "url": format!("https://content.twilio.com/v1/Content/HX{n:032x}"), "links": {},
    })
}

fn text(body: &str) -> Value {
    json!({ "twilio/text": { "body": body } })
}

fn status(word: &str) -> Value {
    json!({
        "category": "UTILITY", "status": word, "name": "template", "content_type": "twilio/text",
        "rejection_reason": "",
    })
}

fn page(contents: &[Value], next: Option<&str>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "meta": {"page": 0, "page_size": 50, "key": "contents", "url": "https://content.twilio.com/v1/ContentAndApprovals",
                 "first_page_url": "https://content.twilio.com/v1/ContentAndApprovals?PageSize=50&Page=0",
                 "previous_page_url": null, "next_page_url": next},
        "contents": contents,
    }))
}

async fn listed(server: &MockServer) -> Result<Vec<CarrierTemplate>, NotListed> {
    let account = account(with(twilio_credentials(), "content_base", &server.uri()));
    twilio().templates(&http_to(&[server]), &account).await
}

#[tokio::test]
async fn templates_are_read_page_by_page() {
    use TemplateState::{Approved, Pending, Rejected, Withdrawn};
    let server = MockServer::start().await;
    let at = || Mock::given(method("GET")).and(path("/v1/ContentAndApprovals"));
    let first = vec![
        content(1, &text("Hello {{1}}"), &status("approved")),
        // Of these the patient gets more than text, which could not be shown before.
        content(
            2,
            &json!({ "twilio/media": { "body": "Look", "media": ["https://media.example.test/a.jpg"] } }),
            &status("approved"),
        ),
        content(
            3,
            &json!({ "twilio/text": { "body": "Yes?" }, "twilio/quick-reply": { "body": "Yes?", "actions": [] } }),
            &status("approved"),
        ),
    ];
    // Twilio names its own host, also where another one stands in front.
    let next = "https://content.twilio.com/v1/ContentAndApprovals?PageSize=50&Page=1&PageToken=PTHX1";
    let words = ["rejected", "paused", "disabled", "received", "unsubmitted", "of tomorrow"];
    let mut second: Vec<Value> =
        (4..).zip(words).map(|(n, word)| content(n, &text("Hello"), &status(word))).collect();
    second.push(content(10, &text("Nobody asked"), &Value::Null));
    second.push(content(11, &text("An older form"), &json!([status("approved")])));
    at().and(query_param("PageToken", "PTHX1")).respond_with(page(&second, None)).mount(&server).await;
    at().respond_with(page(&first, Some(next))).with_priority(6).mount(&server).await;

    let found = listed(&server).await.unwrap();
    let expected = CarrierTemplate {
        id: SID.to_owned(),
        name: "template_1".to_owned(),
        language: "en".to_owned(),
        body: "Hello {{1}}".to_owned(),
        examples: BTreeMap::from([("1".to_owned(), "Amelia".to_owned())]),
        state: Approved,
    };
    assert_eq!(found[0], expected);
    let states: Vec<_> = found.iter().map(|template| template.state).collect();
    let second = [Rejected, Withdrawn, Withdrawn, Pending, Pending, Pending, Pending, Approved];
    assert_eq!(states, [&[Approved][..], &second[..]].concat());
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.headers["authorization"].to_str().unwrap(), basic(ACCOUNT_SID, AUTH_TOKEN));
    }
}

#[tokio::test]
async fn a_list_without_an_end_is_left_off() {
    let server = MockServer::start().await;
    let next = format!("{}/v1/ContentAndApprovals?Page=1", server.uri());
    let one = vec![content(1, &text("Hello"), &status("approved"))];
    Mock::given(method("GET")).respond_with(page(&one, Some(&next))).mount(&server).await;
    assert_eq!(listed(&server).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_carrier_that_does_not_tell_says_why() {
    for (answer, expected) in [
        (ResponseTemplate::new(401), "does not accept the credentials"),
        (ResponseTemplate::new(503), "answered with status 503"),
        (ResponseTemplate::new(200).set_body_string("<html>"), "could not be read"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let NotListed(words) = listed(&server).await.unwrap_err();
        assert!(words.contains(expected), "{words}");
    }
    let wrong = with(twilio_credentials(), "content_base", "ftp://content.example.test");
    assert_eq!(twilio().check_credentials(&wrong).unwrap_err().field, "content_base");
}

#[tokio::test]
async fn who_does_not_send_by_whatsapp_has_no_templates() {
    let account = account(telnyx_credentials());
    assert_eq!(telnyx().templates(&http_to(&[]), &account).await, Ok(Vec::new()));
}
