//! MessageMedia's polling lists: what stands there is here once, however it came.

use crate::carriers::{media_calls, media_id, two_carriers, written};
use crate::reconcile::{LINE, MINUTE, NOTHING, answers, lists, round};
use crate::twilio::*;
use backend::inbox::Accepted;
use backend::reconcile::Found;
use backend::testing::{TestBackend, fictitious_number, on_each_engine};
use model::line::{LineView, ProviderKind};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

/// The n-th reply of patient 0 as the list has it, `second` seconds after the story's begin.
fn reply(n: u32, words: &str, second: u32) -> Value {
    let mut reply = written(n, 0, words);
    reply["date_received"] = json!(format!("2026-03-02T09:{:02}:{:02}.000Z", second / 60, second % 60));
    reply
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
        let brought = [stop, photo, without_caption, written(4, 0, "OK"), without_id("Yes")];
        for webhook in brought {
            assert_eq!(media_calls(&t, door(&line), webhook).await, Accepted::Journalled);
        }
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
