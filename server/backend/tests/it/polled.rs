//! MessageMedia's polling lists: what stands there is here once, however it came.

use crate::carriers::{account, both_accept, media_calls, media_id, two_carriers, written};
use crate::reconcile::{LINE, MINUTE, NOTHING, answers, lists, round};
use crate::twilio::*;
use backend::inbox::Accepted;
use backend::reconcile::Found;
use backend::testing::{TestBackend, fictitious_number, on_each_engine};
use backend::{lines, messages};
use model::line::{LineView, ProviderKind};
use model::message::DeliveryState;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use wiremock::matchers::{method, path};
use wiremock::{Mock, Request, ResponseTemplate};

/// The n-th reply of patient 0 as the list has it, `second` seconds after the story's begin.
fn reply(n: u32, words: &str, second: u32) -> Value {
    let mut reply = written(n, 0, words);
    reply["date_received"] = json!(at(second));
    reply
}

fn at(second: u32) -> String {
    format!("2026-03-02T09:{:02}:{:02}.000Z", second / 60, second % 60)
}

/// The n-th report, of a message to patient 0.
fn report(n: u32, message: u32, status: &str) -> Value {
    json!({
        "delivery_report_id": media_id(500 + n), "message_id": media_id(message), "status": status,
        "source_number": fictitious_number(0).as_e164(), "date_received": at(n), "original_text": "Hello",
    })
}

/// The line's address for messages at MessageMedia.
fn door(line: &LineView) -> &str {
    let mut accounts = line.accounts.iter();
    &accounts.find(|account| account.carrier == ProviderKind::MessageMedia).unwrap().inbound_url
}

/// From now on these replies stand in MessageMedia's list, and nothing anywhere else.
async fn stand(t: &TestBackend, replies: &[Value]) {
    lists(&t.carrier, &[], &[]).await;
    for (list, listed) in [("replies", replies), ("delivery_reports", &[][..])] {
        let answer = ResponseTemplate::new(200).set_body_json(json!({ list: listed }));
        answers(&t.carrier, &format!("/v1/{list}"), answer).await;
    }
}

#[tokio::test]
async fn what_came_under_another_id_is_not_found_again_and_what_is_only_alike_is() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        let from = fictitious_number(0);
        let without_id = |words: &str| {
            json!({ "source_number": from.as_e164(), "destination_number": LINE, "content": words })
        };
        // Called otherwise than the reply that it is.
        let mut stop = without_id("STOP");
        stop["notification_id"] = json!(media_id(1));
        let mut photo = written(2, 0, "My foot");
        photo["attachments"] = json!([{ "content_type": "text/plain", "content": "dGVzdA==" }]);
        // A template that leaves out the text where there is a picture.
        let mut without_caption = photo.clone();
        without_caption["reply_id"] = written(3, 0, "")["reply_id"].clone();
        without_caption["content"] = json!("");
        let brought = [stop, without_caption, written(4, 0, "OK"), without_id("Yes")];
        for webhook in brought {
            assert_eq!(media_calls(&t, door(&line), webhook).await, Accepted::Journalled);
        }
        // This one had to be told again and again.
        t.later(MINUTE * 25).await;
        assert_eq!(media_calls(&t, door(&line), photo).await, Accepted::Journalled);
        t.run_jobs().await;

        let listed = [
            reply(1, "STOP", 0),
            reply(2, "My foot", 1),
            reply(3, "My knee", 2),
            // The one before it is not listed any more.
            reply(5, "OK", 3),
            reply(6, "Yes", 4),
            reply(7, "Yes", 5),
        ];
        stand(&t, &listed).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { messages: 3, ..NOTHING });
        t.run_jobs().await;
        let mut texts = texts(&t, inbox_ids(&t).await[0]).await;
        texts.sort();
        assert_eq!(texts, ["", "My foot", "My knee", "OK", "OK", "STOP", "Yes", "Yes"]);
        assert_eq!(round(&t).await, NOTHING);
        t
    })
    .await;
}

/// What a list shows the oldest hundred of.
type Shelf = Arc<Mutex<Vec<Value>>>;

/// From now on all of this stands in one of MessageMedia's lists, until it is told that it is safe.
async fn stand_until_confirmed(
    t: &TestBackend,
    list: &'static str,
    id: &'static str,
    all: Vec<Value>,
) -> Shelf {
    let shelf: Shelf = Arc::new(Mutex::new(all));
    let there = shelf.clone();
    let oldest = move |_: &Request| {
        let oldest: Vec<Value> = there.lock().unwrap().iter().take(100).cloned().collect();
        ResponseTemplate::new(200).set_body_json(json!({ list: oldest }))
    };
    let asked = Mock::given(method("GET")).and(path(format!("/v1/{list}")));
    asked.respond_with(oldest).mount(&t.carrier).await;
    let there = shelf.clone();
    let confirmed = move |request: &Request| {
        let told: Value = serde_json::from_slice(&request.body).unwrap();
        let told = told[format!("{id}s")].as_array().unwrap();
        there.lock().unwrap().retain(|item| !told.contains(&item[id]));
        ResponseTemplate::new(if told.len() > 100 { 400 } else { 202 })
    };
    let told = Mock::given(method("POST")).and(path(format!("/v1/{list}/confirmed")));
    told.respond_with(confirmed).mount(&t.carrier).await;
    shelf
}

#[tokio::test]
async fn replies_behind_the_first_hundred_are_found_and_what_is_not_ours_stays_listed() {
    on_each_engine(async |t: TestBackend| {
        two_carriers(&t).await;
        let mut elsewhere = reply(200, "To another number", 0);
        elsewhere["destination_number"] = json!("+61491570110");
        let mut before = reply(201, "Before the line was here", 0);
        before["date_received"] = json!("2026-03-02T08:59:59.000Z");
        let mut all = vec![elsewhere.clone(), before.clone()];
        all.extend((0..120).map(|n| reply(n, &format!("Message {n}"), n)));
        lists(&t.carrier, &[], &[]).await;
        let replies = stand_until_confirmed(&t, "replies", "reply_id", all).await;
        // Another program's, which Heliograph never tells to be safe.
        let theirs: Vec<Value> = (0..110).map(|n| report(n, 300, "delivered")).collect();
        let reports = stand_until_confirmed(&t, "delivery_reports", "delivery_report_id", theirs).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { messages: 120, ..NOTHING });
        {
            let left = replies.lock().unwrap();
            assert_eq!(left[..2], [elsewhere, before]);
            assert_eq!(left.len(), 2 + 22, "what leaves room may stay");
        }
        assert_eq!(reports.lock().unwrap().len(), 110);
        t.run_jobs().await;
        assert_eq!(t.count("SELECT COUNT(*) FROM message").await, 120);
        assert_eq!(round(&t).await, NOTHING);
        t
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_told_to_be_safe_is_told_in_the_next_round() {
    on_each_engine(async |t: TestBackend| {
        two_carriers(&t).await;
        lists(&t.carrier, &[], &[]).await;
        let all = (0..120).map(|n| reply(n, &format!("Message {n}"), n)).collect();
        let replies = stand_until_confirmed(&t, "replies", "reply_id", all).await;
        stand_until_confirmed(&t, "delivery_reports", "delivery_report_id", Vec::new()).await;
        let refused = Mock::given(method("POST")).respond_with(ResponseTemplate::new(503));
        refused.up_to_n_times(1).with_priority(1).mount(&t.carrier).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { messages: 100, incomplete: 1, ..NOTHING });
        assert_eq!(replies.lock().unwrap().len(), 120);
        assert_eq!(round(&t).await, Found { messages: 20, ..NOTHING });
        assert_eq!(replies.lock().unwrap().len(), 20);
        t
    })
    .await;
}

#[tokio::test]
async fn a_reply_whose_webhook_may_be_on_its_way_stays_listed() {
    on_each_engine(async |t: TestBackend| {
        two_carriers(&t).await;
        lists(&t.carrier, &[], &[]).await;
        let all = (0..100).map(|n| reply(n, &format!("Message {n}"), 200)).collect();
        let replies = stand_until_confirmed(&t, "replies", "reply_id", all).await;
        stand_until_confirmed(&t, "delivery_reports", "delivery_report_id", Vec::new()).await;
        t.later(MINUTE * 4).await;
        assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });
        assert_eq!(replies.lock().unwrap().len(), 100);
        t
    })
    .await;
}

#[tokio::test]
async fn reports_behind_the_first_hundred_are_heard() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        let media = account(&line, ProviderKind::MessageMedia);
        lines::pin(&t.backend, &t.admin, line.id, Some(media)).await.unwrap();
        both_accept(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        lists(&t.carrier, &[], &[]).await;
        stand_until_confirmed(&t, "replies", "reply_id", Vec::new()).await;
        let mut all = vec![report(0, 300, "delivered")];
        all.extend((1..100).map(|n| report(n, 1, "enroute")));
        all.push(report(100, 1, "delivered"));
        let reports = stand_until_confirmed(&t, "delivery_reports", "delivery_report_id", all).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { reports: 1, ..NOTHING });
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        assert_eq!(*reports.lock().unwrap(), [report(0, 300, "delivered"), report(100, 1, "delivered")]);
        t
    })
    .await;
}
