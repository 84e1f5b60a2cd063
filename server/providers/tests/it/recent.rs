//! What the carriers list of recent messages, in the shape of their documentation's examples.

use crate::support::*;
use model::line::{Currency, Price};
use model::message::{Channel, DeliveryState};
use providers::{
    Account, Confirmation, Listed, Provider, Received, Recent, Status, Verification, WebhookRequest,
};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// 2026-08-04 01:00 UTC.
const SINCE: i64 = 1_785_805_200_000;

const MESSAGES: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";

#[tokio::test]
async fn twilio_lists_both_directions_page_by_page_and_its_pictures_apart() {
    let server = MockServer::start().await;
    let photo = twilio_message(
        "MM00000000000000000000000000000003",
        json!({
            "direction": "inbound", "status": "received", "num_media": "1", "body": "My foot & café",
            "from": "+61491570156", "to": "+61491570006",
        }),
    );
    let text = twilio_message(
        "SM00000000000000000000000000000004",
        json!({ "direction": "inbound", "status": "received", "from": "+61491570156", "to": "+61491570006" }),
    );
    let old = twilio_message(
        "SM00000000000000000000000000000005",
        json!({
            "direction": "inbound", "status": "received", "from": "+61491570156", "to": "+61491570006",
            "date_created": "Tue, 04 Aug 2026 00:59:59 +0000",
        }),
    );
    // The next page's host is Twilio's own, and is not asked.
    let next = format!("https://api.twilio.com{MESSAGES}?To=%2B61491570006&Page=1&PageToken=PAMM3");
    let pages = [
        (
            query_param("Page", "1"),
            json!({ "messages": [text, old], "next_page_uri": format!("{MESSAGES}?Page=2") }),
            1,
        ),
        (query_param("To", "+61491570006"), json!({ "messages": [photo], "next_page_uri": next }), 2),
        (
            query_param("From", "+61491570006"),
            json!({ "messages": outbound_messages(), "next_page_uri": null }),
            2,
        ),
    ];
    for (asked, page, priority) in pages {
        let answer = ResponseTemplate::new(200).set_body_json(page);
        let mock = Mock::given(method("GET")).and(path(MESSAGES)).and(asked).respond_with(answer);
        mock.with_priority(priority).mount(&server).await;
    }
    let nothing = ResponseTemplate::new(200).set_body_json(json!({ "messages": [], "next_page_uri": null }));
    Mock::given(method("GET"))
        .and(path(MESSAGES))
        .respond_with(nothing)
        .with_priority(9)
        .mount(&server)
        .await;
    let media = MESSAGES.replace(".json", "/MM00000000000000000000000000000003/Media.json");
    let list = json!({ "media_list": [
        { "sid": "ME00000000000000000000000000000001", "content_type": "image/jpeg" },
    ] });
    let login = header("authorization", basic(ACCOUNT_SID, AUTH_TOKEN).as_str());
    let shelf = Mock::given(method("GET")).and(path(media)).and(login);
    shelf.respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;

    let (http, account) =
        (http_to(&[&server]), account(with(twilio_credentials(), "api_base", &server.uri())));
    let recent = twilio().recent(&http, &account, SINCE).await.unwrap();
    assert!(!recent.cut_short);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 5, "two pages, and three lists of one");
    assert!(requests[0].url.query().unwrap().contains("DateSent%3E=2026-08-04"), "{}", requests[0].url);

    let webhooks = brought(&recent);
    assert_eq!(webhooks.len(), 2, "what is older is left out");
    let complete = twilio().complete(&http, &account, webhooks[0].clone()).await.unwrap();
    let read = read(twilio(), account, &complete);
    assert_eq!(read.external_id, "inbound:MM00000000000000000000000000000003", "as the webhook's");
    let message = inbound(&read);
    assert_eq!((message.channel, message.text.as_str()), (Channel::Mms, "My foot & café"));
    assert_eq!((message.from.as_str(), message.to.as_ref()), ("+61491570156", Some(&number("+61491570006"))));
    assert!(
        link(&message.media[0]).as_str().ends_with(
            "/Messages/MM00000000000000000000000000000003/Media/ME00000000000000000000000000000001"
        )
    );

    let sent = sent(&recent);
    let [(ok, "+61491570156", "Come at 3"), (failed, "+61491570156", "Come at 4")] = sent.as_slice() else {
        panic!("two messages of ours")
    };
    assert_eq!(
        (ok.state, ok.carrier_id.as_str()),
        (Some(DeliveryState::Delivered), "SM00000000000000000000000000000007")
    );
    assert_eq!(ok.price, Some(Price { micros: 7_500, currency: Currency::Usd }));
    assert_eq!(
        (failed.state, failed.error_code.as_deref()),
        (Some(DeliveryState::Undelivered), Some("30005"))
    );
    assert!(failed.failure.is_some() && failed.price.is_none());
}

#[tokio::test]
async fn a_list_of_ours_that_is_too_long_leaves_nothing_out_that_a_patient_wrote() {
    for (side, cut_short) in [("From", false), ("To", true)] {
        let server = MockServer::start().await;
        let next = format!("{MESSAGES}?{side}=%2B61491570006&Page=2");
        let endless = json!({ "messages": outbound_messages(), "next_page_uri": next });
        let asked = Mock::given(method("GET")).and(path(MESSAGES)).and(query_param(side, "+61491570006"));
        asked
            .respond_with(ResponseTemplate::new(200).set_body_json(endless))
            .with_priority(1)
            .mount(&server)
            .await;
        let nothing = json!({ "messages": [], "next_page_uri": null });
        let nothing = ResponseTemplate::new(200).set_body_json(nothing);
        Mock::given(method("GET")).and(path(MESSAGES)).respond_with(nothing).mount(&server).await;
        let (http, account) =
            (http_to(&[&server]), account(with(twilio_credentials(), "api_base", &server.uri())));
        let recent = twilio().recent(&http, &account, SINCE).await.unwrap();
        assert_eq!(recent.cut_short, cut_short, "{side}");
    }
}

#[tokio::test]
async fn what_was_read_before_a_page_that_did_not_come_is_used() {
    let server = MockServer::start().await;
    let text = twilio_message(
        "SM00000000000000000000000000000004",
        json!({ "direction": "inbound", "status": "received", "from": "+61491570156", "to": "+61491570006" }),
    );
    let next = format!("{MESSAGES}?To=%2B61491570006&Page=1");
    let page = |messages: Vec<Value>, next: Option<&str>| {
        ResponseTemplate::new(200).set_body_json(json!({ "messages": messages, "next_page_uri": next }))
    };
    let pages = [
        (query_param("Page", "1"), ResponseTemplate::new(503), 1),
        (query_param("To", "+61491570006"), page(vec![text], Some(&next)), 2),
        (query_param("From", "+61491570006"), page(outbound_messages(), None), 2),
        (query_param("To", "whatsapp:+61491570006"), ResponseTemplate::new(429), 2),
        (query_param("From", "whatsapp:+61491570006"), page(Vec::new(), None), 2),
    ];
    for (asked, answer, priority) in pages {
        let mock = Mock::given(method("GET")).and(path(MESSAGES)).and(asked).respond_with(answer);
        mock.with_priority(priority).mount(&server).await;
    }
    let (http, account) =
        (http_to(&[&server]), account(with(twilio_credentials(), "api_base", &server.uri())));
    let recent = twilio().recent(&http, &account, SINCE).await.unwrap();
    assert!(recent.broke_off);
    assert_eq!((brought(&recent).len(), sent(&recent).len()), (1, 2));
    assert_eq!(server.received_requests().await.unwrap().len(), 5, "the other lists are asked for");
}

#[tokio::test]
async fn one_history_or_list_is_used_without_the_other() {
    let answers = [
        (
            clicksend(),
            clicksend_credentials(),
            "/v3/sms/history",
            json!({ "data": { "last_page": 1, "data": [{
                "direction": "in", "date": 1_785_808_500, "from": "+61491570156", "to": "+61491570006",
                "body": "Yes please", "message_id": "0e2a1c5b-7d6f-4b3a-9c1e-6f1a6b1a6c1d",
            }] } }),
        ),
        (
            messagemedia(),
            messagemedia_credentials(),
            "/v1/replies",
            json!({ "replies": [{
                "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74", "date_received": "2026-08-04T01:55:00.850Z",
                "source_number": "+61491570156", "destination_number": "+61491570006", "content": "Yes please",
            }] }),
        ),
    ];
    for (carrier, credentials, first, answer) in answers {
        let server = MockServer::start().await;
        let (http, account) = (http_to(&[&server]), account(with(credentials, "api_base", &server.uri())));
        carrier.recent(&http, &account, SINCE).await.unwrap_err();
        let asked = Mock::given(method("GET")).and(path(first));
        asked.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
        let recent = carrier.recent(&http, &account, SINCE).await.unwrap();
        assert!(recent.broke_off, "{first}");
        assert_eq!(brought(&recent).len(), 1, "{first}");
    }
}

#[tokio::test]
async fn clicksends_history_tells_both_directions_and_gives_our_reference_back() {
    let server = MockServer::start().await;
    let history = json!({ "http_code": 200, "response_code": "SUCCESS", "data": { "last_page": 1, "data": [
        {
            "direction": "in", "date": 1_785_808_500, "from": "+61491570156", "to": "+61491570006",
            "body": "Yes please", "status": "Received", "status_code": null,
            "message_id": "0e2a1c5b-7d6f-4b3a-9c1e-6f1a6b1a6c1d",
        },
        {
            "direction": "out", "date": "1785808327", "from": "61491570006", "to": "+61491570156", "body": "Hello",
            "status": "Sent", "status_code": 201, "status_text": "Success: Message received on handset.",
            "message_id": "BF7AD270-0DE2-418B-B606-71D527D9C1AE", "custom_string": "delivery-1",
        },
        {
            "direction": "out", "date": 1_785_808_328, "from": "+61491570006", "to": "+61491570157", "body": "Hello",
            "status": "Cancelled", "message_id": "BF7AD270-0DE2-418B-B606-71D527D9C1AF", "custom_string": "",
        },
        { "direction": "out", "date": 1_785_808_329, "from": "+61491570110", "to": "+61491570157", "body": "Theirs",
            "status": "Sent", "message_id": "BF7AD270-0DE2-418B-B606-71D527D9C1B0" },
    ] } });
    let asked =
        Mock::given(method("GET")).and(path("/v3/sms/history")).and(query_param("date_from", "1785805200"));
    asked.respond_with(ResponseTemplate::new(200).set_body_json(history)).mount(&server).await;
    let nothing = json!({ "http_code": 200, "data": { "data": [] } });
    let asked = Mock::given(method("GET")).and(path("/v3/mms/history"));
    asked.respond_with(ResponseTemplate::new(200).set_body_json(nothing)).mount(&server).await;

    let (http, account) =
        (http_to(&[&server]), account(with(clicksend_credentials(), "api_base", &server.uri())));
    let recent = clicksend().recent(&http, &account, SINCE).await.unwrap();
    let webhooks = brought(&recent);
    assert_eq!(webhooks.len(), 1);
    let read = read(clicksend(), account, webhooks[0]);
    assert_eq!(read.external_id, "inbound:0E2A1C5B-7D6F-4B3A-9C1E-6F1A6B1A6C1D", "as the push's");
    assert_eq!((inbound(&read).text.as_str(), inbound(&read).channel), ("Yes please", Channel::Sms));
    let sent = sent(&recent);
    assert_eq!(sent.len(), 2, "another number's messages are none of the line's");
    let (delivered, cancelled) = (sent[0].0, sent[1].0);
    assert_eq!(
        (delivered.state, delivered.reference.as_deref()),
        (Some(DeliveryState::Delivered), Some("delivery-1"))
    );
    assert_eq!((cancelled.state, cancelled.reference.as_deref()), (Some(DeliveryState::Failed), None));
    assert!(cancelled.failure.is_some());
}

/// A reply as MessageMedia lists it.
fn reply(id: u32, to: Option<&str>, content: &str) -> Value {
    json!({
        "reply_id": reply_id(id), "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "date_received": "2026-08-04T01:55:00.850Z", "source_number": "+61491570156", "destination_number": to,
        "content": content, "vendor_account_id": { "vendor_id": "MessageMedia", "account_id": "MyAccount001" },
    })
}

fn reply_id(id: u32) -> String {
    format!("a175e797-2b54-468b-9850-{id:012}")
}

fn report(id: u32) -> Value {
    json!({
        "delivery_report_id": format!("01e1fa0a-6e27-4945-9cdb-{id:012}"), "source_number": "+61491570156",
        "date_received": "2026-08-04T01:55:00.850Z", "status": "delivered", "original_text": "Your quote is ready",
        "error_code": "220", "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "metadata": { "reference": "delivery-1" },
    })
}

/// What MessageMedia's lists bring when these stand in them.
async fn polled(replies: Vec<Value>, reports: Vec<Value>) -> (Recent, Account) {
    let server = MockServer::start().await;
    let lists = [
        ("/v1/replies", json!({ "replies": replies })),
        ("/v1/delivery_reports", json!({ "delivery_reports": reports })),
    ];
    for (list, answer) in lists {
        let asked = Mock::given(method("GET")).and(path(list));
        asked.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    }
    let (http, account) =
        (http_to(&[&server]), account(with(messagemedia_credentials(), "api_base", &server.uri())));
    (messagemedia().recent(&http, &account, SINCE).await.unwrap(), account)
}

const OURS: Option<&str> = Some("+61491570006");

#[tokio::test]
async fn messagemedias_polling_lists_tell_what_was_answered_to_the_number_and_what_became_of_ours() {
    let mut old = reply(3, OURS, "Last month");
    old["date_received"] = json!("2026-07-04T01:55:00.850Z");
    let replies = vec![
        reply(1, OURS, "Yes please"),
        reply(2, Some("+61491570110"), "To another number"),
        old,
        reply(4, OURS, ""),
    ];
    let (recent, account) = polled(replies, vec![report(1)]).await;
    assert!(!recent.cut_short && !recent.more);
    let webhooks = brought(&recent);
    assert_eq!(webhooks.len(), 2, "nothing leaves the list by its age");
    let read = read(messagemedia(), account, webhooks[0]);
    assert_eq!(read.external_id, format!("inbound:{}", reply_id(1)), "as the webhook's");
    assert_eq!(inbound(&read).text, "Yes please");
    let sent = sent(&recent);
    let [(status, "+61491570156", "Your quote is ready")] = sent.as_slice() else { panic!("one report") };
    assert_eq!(
        (status.state, status.reference.as_deref()),
        (Some(DeliveryState::Delivered), Some("delivery-1"))
    );
    assert!(recent.messages.iter().all(|listed| confirmation(listed).is_none()), "there is room for more");
}

#[tokio::test]
async fn what_is_not_the_lines_own_never_leaves_a_full_list_of_messagemedias() {
    let mut replies: Vec<Value> = (0..97).map(|n| reply(n, OURS, "Yes please")).collect();
    replies.push(reply(97, Some("+61491570110"), "To another number"));
    replies.push(reply(98, None, "To whom?"));
    replies.push(reply(99, OURS, ""));
    let (recent, _) = polled(replies, vec![report(1)]).await;
    assert!(recent.cut_short && recent.more);
    assert_eq!((brought(&recent).len(), sent(&recent).len()), (98, 1));
    let ours = recent.messages.iter().filter_map(confirmation).count();
    assert_eq!(ours, 98, "texts and a picture, and nothing of the list that has room");
    let picture = recent.messages.iter().find_map(|listed| match listed {
        Listed::Wordless { carrier_ids, .. } => Some(carrier_ids.clone()),
        Listed::Inbound { .. } | Listed::Outbound { .. } => None,
    });
    assert_eq!(picture, Some(vec![format!("{}:media", reply_id(99)), reply_id(99)]));

    let (recent, _) = polled(vec![reply(1, OURS, "Yes please")], (0..100).map(report).collect()).await;
    assert!(!recent.cut_short && recent.more, "what a patient wrote is all there");
    assert_eq!(recent.messages.iter().filter_map(confirmation).count(), 100);
}

/// What is told to the carrier once a listed message is safe here.
fn confirmation(listed: &Listed) -> Option<&Confirmation> {
    match listed {
        Listed::Inbound { confirm, .. }
        | Listed::Outbound { confirm, .. }
        | Listed::Wordless { confirm, .. } => confirm.as_ref(),
    }
}

#[tokio::test]
async fn a_carrier_that_refuses_says_so_and_one_without_a_list_has_nothing() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let http = http_to(&[&server]);
    for (carrier, credentials) in [(twilio(), twilio_credentials()), (clicksend(), clicksend_credentials())] {
        let account = account(with(credentials, "api_base", &server.uri()));
        let refused = carrier.recent(&http, &account, SINCE).await.unwrap_err();
        assert!(refused.to_string().contains("does not accept the credentials"), "{refused}");
    }
    let asked = server.received_requests().await.unwrap().len();
    for (carrier, credentials) in
        [(telnyx(), telnyx_credentials()), (smsbroadcast(), smsbroadcast_credentials())]
    {
        let account = account(with(credentials, "api_base", &server.uri()));
        assert_eq!(carrier.recent(&http, &account, SINCE).await, Ok(Recent::default()));
    }
    assert_eq!(server.received_requests().await.unwrap().len(), asked);
}

/// A Message resource, with what is particular about it.
fn twilio_message(sid: &str, particular: Value) -> Value {
    let mut message = json!({
        "sid": sid, "account_sid": ACCOUNT_SID, "api_version": "2010-04-01", "body": "Hello",
        "date_created": "Tue, 04 Aug 2026 01:52:07 +0000", "date_sent": null, "error_code": null,
        "error_message": null, "messaging_service_sid": null, "num_media": "0", "num_segments": "1",
        "price": null, "price_unit": "USD",
    });
    let Value::Object(particular) = particular else { panic!("not an object") };
    for (name, value) in particular {
        message[name] = value;
    }
    message
}

fn outbound_messages() -> Vec<Value> {
    vec![
        twilio_message(
            "SM00000000000000000000000000000007",
            json!({
                "direction": "outbound-api", "status": "delivered", "body": "Come at 3", "price": "-0.00750",
                "from": "+61491570006", "to": "+61491570156",
            }),
        ),
        twilio_message(
            "SM00000000000000000000000000000008",
            json!({
                "direction": "outbound-api", "status": "undelivered", "body": "Come at 4", "error_code": 30005,
                "from": "+61491570006", "to": "+61491570156",
            }),
        ),
    ]
}

/// The webhooks of what patients wrote, in the list's order.
fn brought(recent: &Recent) -> Vec<&WebhookRequest> {
    let mut webhooks = Vec::new();
    for listed in &recent.messages {
        if let Listed::Inbound { webhook, .. } = listed {
            webhooks.push(&**webhook);
        }
    }
    webhooks
}

/// How far what we sent has come, to whom, and its text, in the list's order.
fn sent(recent: &Recent) -> Vec<(&Status, &str, &str)> {
    let mut sent = Vec::new();
    for listed in &recent.messages {
        if let Listed::Outbound { status, to, text, .. } = listed {
            sent.push((&**status, to.as_str(), text.as_str()));
        }
    }
    sent
}

/// Reads a webhook that nothing signs, as the backend reads what it found.
fn read(carrier: &dyn Provider, account: Account, webhook: &WebhookRequest) -> Received {
    carrier.receive(&Account { verification: Verification::Off, ..account }, webhook).unwrap()
}
