//! MessageMedia's webhooks, read into our words.

use super::*;
use model::message::{Channel, DeliveryState};
use providers::{InList, Login, MediaPlace, OptOut, Received, Rejected, Verification};
use serde_json::Value;

#[test]
fn a_reply_arrives_from_both_doors() {
    let callback = json!({
        "metadata": { "msg": "7f1c" },
        "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74",
        "date_received": "2026-08-04T01:55:00.850Z",
        "callback_url": "https://hooks.example.test/mm/cb",
        "destination_number": "+61491570006",
        "source_number": "+61491570156",
        "vendor_account_id": { "vendor_id": "MessageMedia", "account_id": "MyAccount001" },
        "content": "Yes please",
    });
    let received = read(WebhookKind::Status, &callback);
    assert_eq!(received.external_id, "inbound:a175e797-2b54-468b-9850-41a3eab32f74");
    let reply = inbound(&received);
    assert_eq!((reply.from.as_str(), reply.channel), ("+61491570156", Channel::Sms));
    assert_eq!((reply.text.as_str(), reply.opt_out), ("Yes please", None));
    assert_eq!(reply.to, Some(number("+61491570006")));

    let webhook = json!({
        "account_id": "DeveloperPortal7000", "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74",
        "destination_number": "+61491570006", "source_number": "+61491570156",
        "date_received": "2026-08-04T01:55:00.850Z", "content": "Yes please", "metadata": "",
    });
    assert!(read(WebhookKind::Inbound, &webhook) == received, "told twice, and the same");
}

#[test]
fn a_photo_comes_within_the_webhook() {
    let mms = json!({
        "account_id": "DeveloperPortal7000", "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74",
        "destination_number": "+61491593156", "source_number": "+61491570156",
        "date_received": "2026-08-04T01:55:00.850Z", "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "attachments": [
            { "content_type": "image/png", "content": "dGVzdA==", "original_name": "C:\\pictures\\file.png" },
            { "contentType": "image/jpeg", "base64": "dGVz\r\ndDI", "originalName": "../two.jpg" },
            { "content_type": "$a.contentType", "content": "not Base64!", "original_name": "" },
            { "content_type": "image/gif" },
        ],
        "metadata": { "myKey": "myValue" },
    });
    let received = read(WebhookKind::Inbound, &mms);
    let message = inbound(&received);
    assert_eq!((message.channel, message.text.as_str()), (Channel::Mms, ""));
    let files: Vec<_> = message
        .media
        .iter()
        .map(|media| {
            let MediaPlace::Inline(bytes) = &media.place else { panic!("inline") };
            (bytes.as_ref(), media.media_type.as_deref(), media.file_name.as_deref())
        })
        .collect();
    let expected: [(&[u8], _, _); 4] = [
        (b"test", Some("image/png"), Some("file.png")),
        (b"test2", Some("image/jpeg"), Some("two.jpg")),
        (b"", None, None),
        (b"", Some("image/gif"), None),
    ];
    assert_eq!(files, expected);
}

#[test]
fn a_photo_is_not_taken_for_a_repetition_of_its_text() {
    let told = json!({ "reply_id": "r1", "source_number": "+61491570156", "content": "Look" });
    let mut whole = told.clone();
    whole["attachments"] = json!([{ "content_type": "image/png", "content": "dGVzdA==" }]);
    let (told, whole) = (read(WebhookKind::Status, &told), read(WebhookKind::Inbound, &whole));
    assert_ne!(told.external_id, whole.external_id);
    assert_ne!(inbound(&told).carrier_id, inbound(&whole).carrier_id);
    assert_eq!(inbound(&whole).text, "Look");
}

#[test]
fn a_message_says_under_which_id_the_list_of_replies_has_it() {
    let mut told = json!({ "reply_id": "r1", "source_number": "+61491570156", "content": "Look" });
    let in_list = |told: &Value| inbound(&read(WebhookKind::Inbound, told)).in_list.clone();
    assert_eq!(in_list(&told), InList::Same);
    told["attachments"] = json!([{ "content_type": "image/png", "content": "dGVzdA==" }]);
    assert_eq!(in_list(&told), InList::As("r1".to_owned()));
    told["notification_id"] = json!("n1");
    assert_eq!(in_list(&told), InList::Unknown);
    let without_id = json!({ "source_number": "+61491570156", "content": "Look" });
    assert_eq!(in_list(&without_id), InList::Unknown);
}

#[test]
fn a_reply_that_shows_neither_text_nor_picture_shows_that_there_was_one() {
    let nothing =
        json!({ "reply_id": "r1", "source_number": "+61491570156", "callback_url": "https://x.test" });
    let received = read(WebhookKind::Status, &nothing);
    let [missing] = inbound(&received).media.as_slice() else { panic!("a place for the picture") };
    assert!(messagemedia().media_request(&plain(), link(missing)).is_err());
    let empty =
        json!({ "reply_id": "r1", "source_number": "+61491570156", "content": "", "attachments": [] });
    assert!(inbound(&read(WebhookKind::Inbound, &empty)).media.is_empty());
    let raw =
        json!({ "reply_id": "r1", "source_number": "+61491570156", "attachments": "[Attachment@1f2e]" });
    assert_eq!(inbound(&read(WebhookKind::Inbound, &raw)).media.len(), 1);
}

#[test]
fn an_opt_out_is_one_although_its_template_knows_no_reply() {
    for id in [json!("$replyId"), Value::Null] {
        let mut notice = json!({
            "notification_id": "3e6e6b1a-6c1d-4b1a-9c1e-6f1a6b1a6c1d", "account_id": "DeveloperPortal7000",
            "destination_number": "+61491593156", "source_number": "+61491570156",
            "date_received": "2026-08-04T01:55:00.850Z", "content": "STOP", "metadata": { "myKey": "myValue" },
        });
        notice["reply_id"] = id;
        let received = read(WebhookKind::Inbound, &notice);
        assert_eq!(received.external_id, "inbound:3e6e6b1a-6c1d-4b1a-9c1e-6f1a6b1a6c1d");
        assert_eq!(inbound(&received).opt_out, Some(OptOut::Stop));
        assert_eq!(inbound(&received).text, "STOP");
    }
    let by_kind =
        json!({ "kind": "optout", "source_number": "+61491570156", "notification_id": "$notificationId" });
    let received = read(WebhookKind::Inbound, &by_kind);
    assert_eq!(inbound(&received).opt_out, Some(OptOut::Stop));
    assert!(inbound(&received).media.is_empty());
}

#[test]
fn what_templates_leave_behind_does_not_hold_back_a_message() {
    let leftovers = json!({
        "reply_id": "r1", "message_id": "$messageId", "source_number": "61491570156",
        "destination_number": "", "content": "$50 is fine", "metadata": "$metadata", "attachments": "$attachments",
    });
    let received = read(WebhookKind::Inbound, &leftovers);
    let message = inbound(&received);
    assert_eq!((message.from.as_str(), message.text.as_str()), ("+61491570156", "$50 is fine"));
    assert!(message.to.is_none() && message.media.is_empty());

    let mut picture = leftovers.clone();
    picture["content"] = json!("$!esc.json($moContent)");
    picture["attachments"] = json!([{ "content": "dGVzdA==" }]);
    assert_eq!(inbound(&read(WebhookKind::Inbound, &picture)).text, "");

    // A text of several lines, written into the template as it is.
    let body = "{\"reply_id\":\"r1\",\"source_number\":\"+61491570156\",\"content\":\"one\ntwo\"}";
    let received = messagemedia().receive(&observed(), &json_request(WebhookKind::Inbound, body)).unwrap();
    assert_eq!(inbound(&received).text, "one\ntwo");
}

#[test]
fn a_message_arrives_by_form_and_by_get_as_well() {
    let fields = "reply_id=r1&source_number=%2B61491570156&content=Yes+please\
        &attachments=%5B%7B%22content%22%3A%22dGVzdA%3D%3D%22%7D%5D";
    let form = WebhookRequest {
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        ..json_request(WebhookKind::Inbound, fields)
    };
    let get = WebhookRequest {
        method: "GET".to_owned(),
        url: format!("https://hooks.example.test/w?{fields}"),
        headers: Vec::new(),
        ..json_request(WebhookKind::Inbound, "")
    };
    let unnamed = WebhookRequest {
        headers: Vec::new(),
        ..json_request(
            WebhookKind::Inbound,
            r#" {"reply_id":"r1","source_number":"+61491570156","content":"Yes please","attachments":[{"content":"dGVzdA=="}]}"#,
        )
    };
    for request in [form, get, unnamed] {
        let received = messagemedia().receive(&observed(), &request).unwrap();
        assert_eq!(received.external_id, "inbound:r1:media");
        assert_eq!(inbound(&received).text, "Yes please");
        assert!(inbound(&received).media[0].place == MediaPlace::Inline("test".into()));
    }
}

#[test]
fn without_an_id_equal_messages_are_the_same_and_others_are_not() {
    let message = |text: &str, date: &str| {
        let told = json!({ "source_number": "+61491570156", "content": text, "date_received": date });
        read(WebhookKind::Inbound, &told).external_id
    };
    assert_eq!(message("Yes", "2026-08-04T01:55:00Z"), message("Yes", "2026-08-04T01:55:00Z"));
    assert_ne!(message("Yes", "2026-08-04T01:55:00Z"), message("Yes", "2026-08-04T01:56:00Z"));
    assert_ne!(message("Yes", "2026-08-04T01:55:00Z"), message("No", "2026-08-04T01:55:00Z"));
}

#[test]
fn a_report_arrives_in_both_shapes() {
    let callback = json!({
        "callback_url": "https://hooks.example.test/mm/cb",
        "delivery_report_id": "01e1fa0a-6e27-4945-9cdb-18644b4de043", "source_number": "+61491570156",
        "date_received": "2026-08-04T01:52:09.807Z", "status": "delivered", "delay": 0, "billing_units": 1,
        "submitted_date": "2026-08-04T01:52:08.807Z", "original_text": "Your quote is ready",
        "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "vendor_account_id": { "vendor_id": "MessageMedia", "account_id": "MyAccount001" },
        "error_code": "220", "metadata": { "reference": "7f1c" },
    });
    let mut webhook = callback.clone();
    webhook["delay"] = json!("0");
    webhook["vendor_account_id"] = json!({ "vendor_id": "SinchEU", "account_id": "MyAccount001" });
    let received = read(WebhookKind::Status, &callback);
    assert_eq!(received.external_id, "status:01e1fa0a-6e27-4945-9cdb-18644b4de043");
    let told = news(&received);
    assert_eq!(told.carrier_id, "877c19ef-fa2e-4cec-827a-e1df9b5509f7");
    assert_eq!(told.reference.as_deref(), Some("7f1c"));
    assert_eq!((told.state, told.carrier_state.as_str()), (Some(DeliveryState::Delivered), "delivered"));
    assert_eq!((told.error_code.as_deref(), told.failure.as_deref()), (None, None));
    assert!(read(WebhookKind::Inbound, &webhook) == received, "at the wrong door");
}

#[test]
fn statuses_come_in_our_words() {
    use DeliveryState::{Accepted, Delivered, Failed, Read, Sent, Undelivered};
    let table = [
        ("queued", Some(Accepted)),
        ("processing", Some(Accepted)),
        ("processed", Some(Accepted)),
        ("scheduled", Some(Accepted)),
        ("held", Some(Accepted)),
        ("enroute", Some(Accepted)),
        ("undefined", Some(Accepted)),
        ("submitted", Some(Sent)),
        ("delivered", Some(Delivered)),
        ("read", Some(Read)),
        ("expired", Some(Undelivered)),
        ("failed", Some(Undelivered)),
        ("rejected", Some(Failed)),
        ("cancelled", Some(Failed)),
        ("beamed", None),
        // A template that writes the code where the word belongs.
        ("220", Some(Delivered)),
        ("302", Some(Failed)),
    ];
    for (word, state) in table {
        let received = read(WebhookKind::Status, &json!({ "message_id": "m1", "status": word }));
        assert_eq!(received.external_id, format!("status:m1:{word}"));
        let told = news(&received);
        assert_eq!((told.carrier_state.as_str(), told.state), (word, state));
        assert_eq!(told.failure.is_some(), matches!(state, Some(Failed | Undelivered)), "{word}");
    }
}

#[test]
fn a_failure_is_explained() {
    let failed = |code: &str| {
        let told = json!({ "message_id": "m1", "status": "rejected", "error_code": code });
        news(&read(WebhookKind::Status, &told)).clone()
    };
    let unreachable = failed("413");
    assert_eq!(unreachable.error_code.as_deref(), Some("413"));
    let words = "This number cannot receive text messages. Is it a mobile number?";
    assert_eq!(unreachable.failure.as_deref(), Some(words));
    assert!(!unreachable.opted_out);
    assert!(failed("302").opted_out && failed("412").opted_out);
    assert!(failed("999").failure.unwrap().contains("999"));
    assert_eq!(failed("").error_code, None);
    assert!(failed("").failure.is_some());
}

#[test]
fn nonsense_is_named() {
    let malformed = |body: &str| {
        let request = json_request(WebhookKind::Status, body);
        messagemedia().receive(&observed(), &request).unwrap_err()
    };
    assert_eq!(malformed("{\"content\":"), Rejected::Malformed("not a JSON object"));
    assert_eq!(malformed("{}"), Rejected::Malformed("neither a message nor a report"));
    assert_eq!(malformed(r#"{"reply_id":"r1"}"#), Rejected::Malformed("no source_number"));
    assert_eq!(malformed(r#"{"status":"delivered"}"#), Rejected::Malformed("no message_id"));
}

#[test]
fn credentials_go_to_the_carriers_own_host_and_only_if_asked() {
    let request = |link: &str| messagemedia().media_request(&plain(), &url(link));
    let own = request("https://api.messagemedia.com/v1/media/1").unwrap();
    assert_eq!(own.login, Some(Login::Basic(API_KEY.to_owned(), API_SECRET.to_owned())));
    assert!(own.login_only_if_asked);
    assert_eq!(request("https://store.example.test/1").unwrap().login, None);
    for link in ["http://store.example.test/1", "http://api.messagemedia.com/1", "file:///etc/passwd"] {
        assert!(request(link).is_err(), "{link}");
    }
}
fn observed() -> Account {
    Account { verification: Verification::Observe, ..plain() }
}
fn read(kind: WebhookKind, body: &Value) -> Received {
    messagemedia().receive(&observed(), &json_request(kind, &body.to_string())).unwrap()
}
