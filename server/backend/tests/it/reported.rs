//! Reports that name a message by our reference: they settle it where the carrier's answer got lost, at carriers that
//! report to one address for all messages.

use crate::twilio::{draft, shown, to};
use backend::lines::{self, NewLine};
use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{TestBackend, on_each_engine};
use backend::{inbox, messages};
use model::line::{LineView, ProviderKind};
use model::message::DeliveryState;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};
use wiremock::matchers::any;
use wiremock::{Mock, Request, ResponseTemplate};

/// A carrier that gives our reference back.
struct Carrier {
    kind: ProviderKind,
    number: &'static str,
    credentials: Value,
    /// Our reference in a request to send.
    reference: fn(&Request) -> String,
    /// Content type and body of a report under the carrier's id with a state and our reference.
    report: fn(&str, bool, &str) -> (&'static str, String),
}

fn carriers() -> [Carrier; 3] {
    [
        Carrier {
            kind: ProviderKind::ClickSend,
            number: "0491 570 110",
            credentials: json!({"username": "clinic", "api_key": "key"}),
            reference: |request| text(&body(request)["messages"][0]["custom_string"]),
            report: |id, delivered, reference| {
                let code = if delivered { "201" } else { "200" };
                let fields = [
                    ("message_id", id),
                    ("status_code", code),
                    ("custom_string", reference),
                    ("error_code", ""),
                ];
                let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                ("application/x-www-form-urlencoded", body)
            },
        },
        Carrier {
            kind: ProviderKind::SmsBroadcast,
            number: "0491 570 313",
            credentials: json!({"username": "key", "password": "secret"}),
            reference: |request| {
                let mut fields = form_urlencoded::parse(&request.body);
                fields.find(|(name, _)| name == "ref").unwrap().1.into_owned()
            },
            report: |id, delivered, reference| {
                let status = if delivered { "delivered" } else { "submitted" };
                // Some of its templates wrap what they give back.
                let told =
                    json!({"kind": "dr", "status": status, "ref": format!("({reference})"), "msgref": id});
                ("application/json", told.to_string())
            },
        },
        Carrier {
            kind: ProviderKind::MessageMedia,
            number: "0491 570 737",
            credentials: json!({"api_key": "key", "api_secret": "secret"}),
            reference: |request| text(&body(request)["messages"][0]["metadata"]["reference"]),
            report: |id, delivered, reference| {
                let status = if delivered { "delivered" } else { "submitted" };
                let told = json!({"message_id": id, "status": status, "metadata": {"reference": reference}});
                ("application/json", told.to_string())
            },
        },
    ]
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A report comes to the line's own status address and is worked on.
async fn reports(t: &TestBackend, carrier: &Carrier, line: &LineView, (kind, body): (&str, String)) {
    let url: Url = line.accounts[0].status_url.parse().unwrap();
    let line_key = url.path_segments().unwrap().nth(2).unwrap().to_owned();
    let request = WebhookRequest {
        kind: WebhookKind::Status,
        method: "POST".to_owned(),
        url: line.accounts[0].status_url.clone(),
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body: body.into_bytes(),
        received_at: t.backend.clock.now(),
        client: None,
    };
    let accepted = inbox::accept(&t.backend, carrier.kind, &line_key, &request).await.unwrap();
    assert_eq!(accepted, inbox::Accepted::Journalled);
    t.run_jobs().await;
}

#[tokio::test]
async fn our_reference_settles_a_message_whose_answer_got_lost() {
    on_each_engine(async |t: TestBackend| {
        for (patient, carrier) in carriers().into_iter().enumerate() {
            t.carrier.reset().await;
            Mock::given(any()).respond_with(ResponseTemplate::new(502)).mount(&t.carrier).await;
            let mut credentials = carrier.credentials.clone();
            credentials["api_base"] = json!(t.carrier.uri());
            let (name, number) = (carrier.kind.label().to_owned(), carrier.number.to_owned());
            let new = NewLine { name, number, provider: carrier.kind, credentials };
            let line = lines::create(&t.backend, &t.admin, new).await.unwrap();
            lines::set_default(&t.backend, &t.admin, line.id).await.unwrap();
            let mut sent = Vec::new();
            for text in ["Come at 3", "Bring your card"] {
                let draft = draft(text, &format!("{patient} {text}"));
                sent.push(messages::send(&t.backend, &t.admin, &to(patient), &draft).await.unwrap().id);
                t.run_jobs().await;
            }
            let asked = t.carrier.received_requests().await.unwrap();
            let references: Vec<_> = asked.iter().map(|request| (carrier.reference)(request)).collect();
            assert_eq!(references.len(), 2, "{:?}", carrier.kind);
            let states = async || [shown(&t, sent[0]).await.state, shown(&t, sent[1]).await.state];
            assert_eq!(states().await, [DeliveryState::Uncertain; 2], "{:?}", carrier.kind);

            // A reference that is too short, or another's, settles nothing.
            let end = &references[0][references[0].len() - 8..];
            reports(&t, &carrier, &line, (carrier.report)("X1", true, end)).await;
            reports(&t, &carrier, &line, (carrier.report)("X2", true, "0123456789abcdef0123")).await;
            assert_eq!(states().await, [DeliveryState::Uncertain; 2], "{:?}", carrier.kind);

            reports(&t, &carrier, &line, (carrier.report)("M1", false, &references[1])).await;
            let settled = [DeliveryState::Uncertain, DeliveryState::Sent];
            assert_eq!(states().await, settled, "{:?}", carrier.kind);
            // From here on the id is known, and no other one is believed for the same message.
            reports(&t, &carrier, &line, (carrier.report)("M2", true, &references[1])).await;
            assert_eq!(states().await, settled, "{:?}", carrier.kind);
            reports(&t, &carrier, &line, (carrier.report)("M1", true, "")).await;
            assert_eq!(states().await[1], DeliveryState::Delivered, "{:?}", carrier.kind);
            assert_eq!(t.carrier.received_requests().await.unwrap().len(), 2, "nothing was sent again");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_reference_of_another_account_settles_nothing() {
    on_each_engine(async |t: TestBackend| {
        Mock::given(any()).respond_with(ResponseTemplate::new(502)).mount(&t.carrier).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        let asked = t.carrier.received_requests().await.unwrap();
        let callback =
            form_urlencoded::parse(&asked[0].body).find(|(name, _)| name == "StatusCallback").unwrap();
        let callback: Url = callback.1.parse().unwrap();
        let reference = callback.query_pairs().find(|(name, _)| name == "d").unwrap().1.into_owned();
        let [clicksend, ..] = carriers();
        let new = NewLine {
            name: "Other".to_owned(),
            number: clicksend.number.to_owned(),
            provider: clicksend.kind,
            credentials: clicksend.credentials.clone(),
        };
        let line = lines::create(&t.backend, &t.admin, new).await.unwrap();
        reports(&t, &clicksend, &line, (clicksend.report)("M1", true, &reference)).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Uncertain);
        t
    })
    .await;
}
