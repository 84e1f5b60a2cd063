//! A photo travels both ways and ends in the record, through REST and the simulated carrier alone.

use crate::running::{Answer, NUMBER, PHOTO, Running, form, read_events};
use model::media::{CARRIER_LONGEST_SIDE, CARRIER_MAX_BYTES};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_photo_goes_out_comes_back_and_is_filed() {
    let running = Running::start().await;
    let staff = &running.staff;
    let patient = running.patient().await;

    let uploaded = staff.upload("/api/sms/upload-media/", &[], PHOTO).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.json);
    let media = &uploaded.json;
    assert_eq!((&media["media_type"], &media["media_size"]), (&json!("image/png"), &json!(PHOTO.len())));
    assert_eq!((&media["width"], &media["height"]), (&json!(96), &json!(64)));
    assert_eq!((&media["kind"], &media["media_filename"]), (&json!("image"), &json!("rash.png")));

    let send = format!("/api/sms/patient/{patient}/send/");
    let message = json!({
        "phone_number": "0491 570 156", "message": "Is it like this?",
        "media_url": media["media_url"], "client_id": "first",
    });
    let sent = staff.post(&send, message.clone()).await;
    assert_eq!(sent.status, 201, "{}", sent.json);
    assert_eq!(sent.json["attachments"][0]["id"], media["media_id"]);
    let again = staff.post(&send, message).await;
    assert_eq!(again.json["id"], sent.json["id"], "the same client_id sends once");

    let messages = format!("/api/sms/patient/{patient}/messages/");
    let delivered = running
        .until("the delivery", async || {
            let thread = staff.get(&messages).await.json;
            let newest = thread["messages"].as_array()?.last()?.clone();
            (newest["state"] == "delivered").then_some(newest)
        })
        .await;
    assert_eq!(delivered["id"], sent.json["id"]);

    let phone = format!("/simulator/phones/{NUMBER}");
    let shown = staff.get(&phone).await.json;
    let received = shown["messages"].as_array().unwrap();
    assert_eq!(received.len(), 1, "{shown}");
    assert_eq!(received[0]["text"], "Is it like this?");
    let photo = format!("/simulator/media/{}", received[0]["photos"][0]["id"].as_str().unwrap());
    let carried = staff.request(Method::GET, &photo).send().await.unwrap();
    assert_eq!(carried.headers()["content-type"], "image/jpeg");
    let carried = carried.bytes().await.unwrap();
    assert!(carried.starts_with(&[0xff, 0xd8, 0xff]) && (carried.len() as u64) < CARRIER_MAX_BYTES);
    let facts = &delivered["attachments"][0]["carrier"];
    assert!(facts["width"].as_u64().unwrap() <= u64::from(CARRIER_LONGEST_SIDE), "{facts}");
    assert_eq!(running.nobody().get(&photo).await.failure(), (404, "not_found"));

    let replied = staff.upload(&format!("{phone}/replies"), &[("text", "More like this")], PHOTO).await;
    assert_eq!(replied.status, 201, "{}", replied.json);
    let inbound = running
        .until("the reply with its photo", async || {
            let thread = staff.get(&messages).await.json;
            let newest = thread["messages"].as_array()?.last()?.clone();
            let ready = newest["direction"] == "inbound" && newest["attachments"][0]["state"] == "ready";
            ready.then_some(newest)
        })
        .await;
    assert_eq!(inbound["text"], "More like this");
    let attachment = &inbound["attachments"][0];
    let original = attachment["original_url"].as_str().unwrap();
    let opened = running.nobody().request(Method::GET, original).send().await.unwrap();
    assert_eq!(opened.status(), 200);
    let header = |name: &str| opened.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-security-policy").contains("sandbox"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("cache-control").starts_with("private, max-age="));
    assert!(header("content-disposition").starts_with("attachment"));
    assert_eq!(opened.bytes().await.unwrap(), PHOTO, "the original is untouched");
    let altered = original.replace("/original", "/tile");
    assert_eq!(running.nobody().get(&altered).await.failure(), (404, "not_found"));

    let message = inbound["id"].as_str().unwrap();
    let is_saved = format!("/api/sms/mms/{message}/is-saved/?patient_id={patient}");
    assert_eq!(staff.get(&is_saved).await.json, json!({"is_saved": false}));
    let save = format!("/api/sms/mms/{message}/save-to-images/");
    let filing = json!({"patient_id": patient, "category": "prescriptions"});
    let saved = staff.post(&save, filing.clone()).await;
    assert_eq!((saved.status, &saved.json["already_saved"]), (201, &json!(false)), "{}", saved.json);
    let second = staff.post(&save, filing).await;
    assert_eq!((second.status, &second.json["already_saved"]), (200, &json!(true)));
    assert_eq!(second.json["image_id"], saved.json["image_id"]);
    let known = staff.get(&is_saved).await.json;
    assert_eq!(known, json!({"is_saved": true, "image_id": saved.json["image_id"]}));
    let images = staff.get(&format!("/api/images?patient_id={patient}&category=prescriptions")).await.json;
    assert_eq!(images["items"].as_array().unwrap().len(), 1, "{images}");
    assert_eq!(images["items"][0]["source"]["message_id"], inbound["id"]);
    running.stop().await;
}

#[tokio::test]
async fn conversations_are_answered_read_and_replied_to_with_pictures() {
    let running = Running::start().await;
    let staff = &running.staff;
    let replies = format!("/simulator/phones/{NUMBER}/replies");
    let (kind, body) = form(&[("text", "Are you open on Monday?")], None);
    let request = staff.request(Method::POST, &replies).header("content-type", kind).body(body);
    assert_eq!(request.send().await.unwrap().status(), 201);
    let conversation = running
        .until("the message of a stranger", async || {
            let list = staff.get("/api/conversations?show=unread").await.json;
            Some(list["items"].as_array()?.first()?.clone())
        })
        .await;
    assert_eq!((&conversation["number"], &conversation["unread"]), (&json!(NUMBER), &json!(1)));
    let path = format!("/api/conversations/{}", conversation["id"].as_str().unwrap());

    let answer = staff.post(&format!("{path}/reply"), json!({"message": "Yes, from 9."})).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    let form = staff.upload(&format!("{path}/reply-with-media"), &[("message", "Here we are")], PHOTO).await;
    assert_eq!((form.status, &form.json["channel"]), (201, &json!("mms")), "{}", form.json);
    let without = staff.post(&format!("{path}/reply-with-media"), json!({"message": "no picture"})).await;
    assert_eq!(without.failure(), (422, "invalid"));

    let mark = format!("{path}/read");
    let up_to = |message: &Value| staff.call(Method::PATCH, &mark, json!({"up_to": message}));
    let nowhere = up_to(&conversation["id"]).await;
    assert_eq!(nowhere.failure(), (404, "not_found"));
    let question = staff.get(&path).await.json["thread"]["messages"][0]["id"].clone();
    let seen = up_to(&question).await;
    assert_eq!((seen.status, &seen.json["row"]["unread"]), (200, &json!(0)), "{}", seen.json);
    let read = Answer::of(staff.request(Method::PATCH, &mark).send().await.unwrap()).await;
    assert_eq!((read.status, &read.json["row"]["unread"]), (200, &json!(0)), "{}", read.json);
    let thread = staff.get(&path).await.json;
    let texts: Vec<&Value> =
        thread["thread"]["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["Are you open on Monday?", "Yes, from 9.", "Here we are"]);
    running.stop().await;
}

#[tokio::test]
async fn a_message_is_refused_that_would_reach_a_stranger_or_come_too_late() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let send = format!("/api/sms/patient/{patient}/send/");
    let field = async |body: Value| {
        let answer = running.staff.post(&send, body).await;
        assert_eq!(answer.failure(), (422, "invalid"));
        answer.json["error"]["field"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(field(json!({"phone_number": "0491 570 157", "message": "x"})).await, "phone_number");
    assert_eq!(field(json!({"phone_number": "call me", "message": "x"})).await, "phone_number");
    assert_eq!(field(json!({"message": "x", "send_at": 1})).await, "send_at");
    // The request's own names, whatever they are called inside.
    assert_eq!(field(json!({"message": " "})).await, "message");
    let picture = "00000000-0000-7000-8000-000000000000";
    assert_eq!(field(json!({"message": "x", "media_ids": [picture, picture]})).await, "media_ids");
    for url in
        ["http://198.51.100.7/x.jpg", "ftp://example.org/x.jpg", "https://127.0.0.1/x.jpg", "no address"]
    {
        assert_eq!(field(json!({"message": "x", "media_url": url})).await, "media_url", "{url}");
    }
    running.stop().await;
}

#[tokio::test]
async fn changes_arrive_live_and_a_gap_is_caught_up() {
    let running = Running::start().await;
    let watch = async |query: &str, last: Option<&str>| {
        let mut request = running.viewer.request(Method::GET, &format!("/api/live{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response
    };
    let stream = watch("", None).await;
    running.patient().await;
    let heard = read_events(stream, |text| text.contains("patient_changed")).await;
    let seq: i64 = heard.split("id:").nth(1).unwrap().lines().next().unwrap().trim().parse().unwrap();
    // The one that heard everything but the newest gets just that.
    let replayed = watch("", Some(&(seq - 1).to_string())).await;
    let replayed = read_events(replayed, |text| text.contains("data:")).await;
    assert!(replayed.contains(&format!("id: {seq}")) && replayed.contains("patient_changed"), "{replayed}");
    let reset = read_events(watch("?after=999999", None).await, |text| text.contains("data:")).await;
    assert!(reset.contains("event: reset") && reset.contains(&format!("id: {seq}")), "{reset}");
    // Open streams do not hold the process back.
    let open = watch("", None).await;
    running.stop().await;
    drop(open);
}

#[tokio::test]
async fn mock_mode_says_so_in_every_answer() {
    let running = Running::with(&["--messaging-mock-mode", "true"]).await;
    let patient = running.patient().await;
    assert_eq!(running.staff.get(&format!("/api/patients/{patient}")).await.json["mock"], true);
    assert_eq!(running.staff.upload("/api/sms/upload-media/", &[], PHOTO).await.json["mock"], true);
    assert_eq!(running.staff.get("/api/conversations").await.json["mock"], true);
    let send = format!("/api/sms/patient/{patient}/send/");
    assert_eq!(running.staff.post(&send, json!({"message": "x"})).await.json["mock"], true);
    running.stop().await;
}

#[tokio::test]
async fn sending_switched_off_is_refused_with_a_reason_and_receiving_goes_on() {
    let running = Running::with(&["--messaging-enabled", "false"]).await;
    let patient = running.patient().await;
    let refused =
        running.staff.post(&format!("/api/sms/patient/{patient}/send/"), json!({"message": "x"})).await;
    assert_eq!(refused.failure(), (409, "cannot_send"));
    let replies = format!("/simulator/phones/{NUMBER}/replies");
    let (kind, body) = form(&[("text", "Hello?")], None);
    let request = running.staff.request(Method::POST, &replies).header("content-type", kind).body(body);
    assert_eq!(request.send().await.unwrap().status(), 201);
    running
        .until("the message", async || {
            let list = running.staff.get("/api/conversations?show=unread").await.json;
            list["items"].as_array()?.first().cloned()
        })
        .await;
    running.stop().await;
}
