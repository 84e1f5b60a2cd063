//! What a patient meets behind a private link, over HTTP.

use crate::running::{NUMBER, PHOTO, Running};
use backend::keys::sha256;
use base64::{Engine, engine::general_purpose::STANDARD};
use model::PatientId;
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Bytes that the page may have before the picture.
const PAGE_BYTES: usize = 30 * 1024;

/// A page as it was answered.
struct Page {
    status: u16,
    headers: reqwest::header::HeaderMap,
    html: String,
}

impl Page {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, html: response.text().await.unwrap() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Nobody keeps it, finds it or learns where its reader comes from, and nothing in it can run.
    fn assert_careful(&self, token: &str) {
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert!(self.header("x-robots-tag").contains("noindex"));
        assert_eq!(self.header("set-cookie"), "");
        let style = self.html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = STANDARD.encode(sha256(style.as_bytes()));
        let policy = self.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("form-action 'self'"),
            "{policy}"
        );
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        assert!(!self.html.contains("<script") && !self.html.contains(token), "{}", self.html);
        assert!(self.html.len() < PAGE_BYTES, "{} bytes", self.html.len());
    }
}

/// Sends a photo behind a link, and answers the message and the link as the patient's phone got it.
async fn linked(running: &Running, patient: PatientId, link: Value) -> (String, String) {
    linked_file(running, patient, link, PHOTO).await
}

async fn linked_file(running: &Running, patient: PatientId, link: Value, file: &[u8]) -> (String, String) {
    let staff = &running.staff;
    let uploaded = staff.upload("/api/sms/upload-media/", &[], file).await;
    let message = json!({"message": "Your photo", "media_ids": [uploaded.json["media_id"]], "link": link});
    let sent = staff.post(&format!("/api/sms/patient/{patient}/send/"), message).await;
    assert_eq!((sent.status, &sent.json["channel"]), (201, &json!("sms")), "{}", sent.json);
    let text = running
        .until("the text with its link", async || {
            let shown = staff.get(&format!("/simulator/phones/{NUMBER}")).await.json;
            let newest = shown["messages"].as_array()?.last()?.clone();
            assert_eq!(newest["photos"], json!([]));
            Some(newest["text"].as_str()?.to_owned())
        })
        .await;
    let (words, link) = text.split_once('\n').unwrap();
    assert_eq!(words, "Your photo");
    (sent.json["id"].as_str().unwrap().to_owned(), link.to_owned())
}

async fn shown(running: &Running, patient: PatientId, message: &str) -> Value {
    let thread = running.staff.get(&format!("/api/sms/patient/{patient}/messages/")).await.json;
    let messages = thread["messages"].as_array().unwrap();
    messages.iter().find(|shown| shown["id"] == message).unwrap()["link"].clone()
}

#[tokio::test]
async fn a_link_is_looked_at_by_anybody_and_opened_by_pressing_its_button() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let (message, link) = linked(&running, patient, json!({})).await;
    let token = link.rsplit('/').next().unwrap();
    let nobody = running.nobody();
    let ask = async |method: Method| {
        Page::of(nobody.request(method, &link).header("accept-encoding", "identity").send().await.unwrap())
            .await
    };

    for method in [Method::GET, Method::HEAD, Method::GET] {
        let page = ask(method.clone()).await;
        assert_eq!(page.status, 200);
        if method == Method::GET {
            page.assert_careful(token);
            assert!(
                page.html.contains("Harbour Clinic") && page.html.contains("View photo"),
                "{}",
                page.html
            );
            assert!(!page.html.contains("Amelia") && !page.html.contains("/media/"), "{}", page.html);
        }
    }
    // Another site's page presses nothing.
    let forged = nobody.request(Method::POST, &link).header("sec-fetch-site", "cross-site");
    let forged = Page::of(forged.send().await.unwrap()).await;
    assert!(forged.status == 200 && forged.html.contains("View photo") && !forged.html.contains("<img"));
    let before = shown(&running, patient, &message).await;
    assert_eq!((&before["state"], &before["openings"]), (&json!("open"), &json!(0)));
    assert_eq!(before["first_opened_at"], Value::Null);

    // As a phone does that says `null` where it must not say where it comes from.
    let pressed = nobody.request(Method::POST, &link).header("origin", "null");
    let opened = Page::of(pressed.send().await.unwrap()).await;
    assert_eq!(opened.status, 200);
    opened.assert_careful(token);
    let picture = opened.html.split("<img src=\"").nth(1).unwrap().split('"').next().unwrap();
    let picture = picture.replace("&amp;", "&").replace("&#x2F;", "/");
    let photo = nobody.request(Method::GET, &picture).send().await.unwrap();
    assert_eq!(
        (photo.status().as_u16(), &photo.headers()["content-type"]),
        (200, &"image/jpeg".parse().unwrap())
    );
    assert!(
        opened.html.contains("width=\"96\" height=\"64\"") && opened.html.contains("download=\"photo.jpg\"")
    );
    let after = shown(&running, patient, &message).await;
    assert_eq!((&after["openings"], &after["first_opened_at"]), (&json!(1), &after["last_opened_at"]));
    assert!(after["first_opened_at"].is_i64(), "{after}");

    let metrics = nobody.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"route="/i/{token}""#) && !metrics.contains(token), "{metrics}");
    running.stop().await;
}

#[tokio::test]
async fn a_closed_link_says_whom_to_ask_and_an_unknown_one_says_nothing_of_anybody() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let (message, link) = linked(&running, patient, json!({"hours": 1})).await;
    let ask = async |method: Method, link: &str| {
        Page::of(running.nobody().request(method, link).send().await.unwrap()).await
    };
    let staff = &running.staff;
    let again = staff.call(Method::POST, &format!("/api/messages/{message}/link/resend"), json!({})).await;
    assert_eq!((again.status, &again.json["link"]["message_id"]), (201, &json!(message)), "{}", again.json);
    let by_sms = json!({"channel": "sms"});
    let by_sms = staff.post(&format!("/api/messages/{message}/link/resend"), by_sms).await;
    assert_eq!((by_sms.status, &by_sms.json["channel"]), (201, &json!("sms")), "{}", by_sms.json);
    let bare =
        staff.request(Method::POST, &format!("/api/messages/{message}/link/extend")).send().await.unwrap();
    assert_eq!(bare.status(), 200, "no body is needed");
    let revoked = staff.post(&format!("/api/messages/{message}/link/revoke"), Value::Null).await;
    assert_eq!((revoked.status, &revoked.json["link"]["state"]), (200, &json!("revoked")));
    let late = staff.post(&format!("/api/messages/{message}/link/resend"), json!({})).await;
    assert_eq!(late.failure(), (409, "conflict"));

    let token = link.rsplit('/').next().unwrap().to_owned();
    for method in [Method::GET, Method::POST] {
        let page = ask(method.clone(), &link).await;
        assert_eq!(page.status, 410);
        page.assert_careful(&token);
        assert!(
            page.html.contains("Harbour Clinic") && page.html.contains("tel:+61491570006"),
            "{}",
            page.html
        );
        let unknown = link.replace(&token, "0000000000000000Z");
        let page = ask(method, &unknown).await;
        assert_eq!(page.status, 404);
        page.assert_careful("0000000000000000Z");
        assert!(!page.html.contains("Harbour") && !page.html.contains("tel:"), "{}", page.html);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_link_that_asks_for_the_date_of_birth_opens_for_it_alone() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let pictureless = json!({"message": "x", "link": {}});
    let refused = running.staff.post(&format!("/api/sms/patient/{patient}/send/"), pictureless).await;
    assert_eq!((refused.failure(), &refused.json["error"]["field"]), ((422, "invalid"), &json!("link")));
    let born = json!({"born": "1984-02-29"});
    let changed = running.staff.call(Method::PATCH, &format!("/api/patients/{patient}"), born).await;
    assert_eq!(changed.status, 200, "{}", changed.json);
    let (_, link) = linked(&running, patient, json!({"ask_birth_date": true, "one_opening": true})).await;
    let page = Page::of(running.nobody().request(Method::GET, &link).send().await.unwrap()).await;
    assert!(page.html.contains("name=\"day\"") && page.html.contains("once"), "{}", page.html);
    let give = async |day: &str, month: &str, year: &str| {
        let form = [("day", day), ("month", month), ("year", year)];
        Page::of(running.nobody().request(Method::POST, &link).form(&form).send().await.unwrap()).await
    };
    let wrong = give("28", "2", "1984").await;
    assert!(wrong.status == 422 && wrong.html.contains("4 tries"), "{}", wrong.html);
    let no_date = give("", "", "").await;
    assert!(no_date.status == 422 && no_date.html.contains("as numbers"), "{}", no_date.html);
    let right = give("29", "2", "1984").await;
    assert!(right.status == 200 && right.html.contains("<img"), "{}", right.html);
    assert_eq!(give("29", "2", "1984").await.status, 410, "it was for one opening");
    running.stop().await;
}

#[tokio::test]
async fn too_many_requests_from_one_address_wait_and_use_nothing_up() {
    let running = Running::with(&[
        "--link-views-per-minute",
        "3",
        "--link-openings-per-minute",
        "2",
        "--client-address-header",
        "X-Real-IP",
    ])
    .await;
    let patient = running.patient().await;
    let (message, link) = linked(&running, patient, json!({})).await;
    let token = link.rsplit('/').next().unwrap().to_owned();
    let guessed = link.replace(&token, "0000000000000000Z");
    let nobody = running.nobody();
    let ask = async |method: Method, link: &str, from: &str| {
        Page::of(nobody.request(method, link).header("x-real-ip", from).send().await.unwrap()).await
    };
    for (method, allowed) in [(Method::GET, 3), (Method::POST, 2)] {
        for _ in 1..allowed {
            assert_eq!(ask(method.clone(), &guessed, "203.0.113.7").await.status, 404);
        }
        assert_eq!(ask(method.clone(), &link, "203.0.113.7").await.status, 200);
        for link in [&link, &guessed] {
            let page = ask(method.clone(), link, "203.0.113.7").await;
            assert_eq!(page.status, 429);
            page.assert_careful(&token);
            let wait: u64 = page.header("retry-after").parse().unwrap();
            assert!((1..=61).contains(&wait), "{wait}");
            assert!(page.html.contains("in a minute") && !page.html.contains("Harbour"), "{}", page.html);
        }
        // Others are not in its way.
        assert_eq!(ask(method, &link, "203.0.113.8").await.status, 200);
    }
    assert_eq!(shown(&running, patient, &message).await["openings"], 2);
    running.stop().await;
}

#[tokio::test]
async fn a_form_with_files_may_ask_for_a_link() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let staff = &running.staff;
    let first = staff.post(&format!("/api/sms/patient/{patient}/send/"), json!({"message": "Hello"})).await;
    let conversation = first.json["conversation_id"].as_str().unwrap();
    let reply = format!("/api/conversations/{conversation}/reply-with-media");
    let say = async |link: &str| staff.upload(&reply, &[("message", "Scan"), ("link", link)], PHOTO).await;
    let sent = say(r#"{"hours": 72, "one_opening": true}"#).await;
    assert_eq!((sent.status, &sent.json["channel"]), (201, &json!("sms")), "{}", sent.json);
    let link = &sent.json["link"];
    assert_eq!((&link["state"], &link["one_opening"]), (&json!("open"), &json!(true)));
    let hours = (link["expires_at"].as_i64().unwrap() - sent.json["at"].as_i64().unwrap()) / 3_600_000;
    assert_eq!(hours, 72);
    let plain = say("").await;
    assert_eq!((plain.status, &plain.json["channel"]), (201, &json!("mms")), "{}", plain.json);
    for wrong in ["yes", "{", r#"{"hours": "many"}"#, r#"{"hours": 0}"#] {
        let refused = say(wrong).await;
        assert_eq!((refused.failure(), &refused.json["error"]["field"]), ((422, "invalid"), &json!("link")));
    }
    running.stop().await;
}

/// Presses the button of a link and answers the page, and the first address in it that follows `before`.
async fn opened(running: &Running, link: &str, before: &str) -> (Page, String) {
    let page = Page::of(running.nobody().request(Method::POST, link).send().await.unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.html);
    let address = page.html.split(before).nth(1).unwrap().split('"').next().unwrap();
    let address = address.replace("&amp;", "&").replace("&#x2F;", "/");
    (page, address)
}

#[tokio::test]
async fn a_document_opens_in_the_browsers_own_viewer() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let document = b"%PDF-1.7 Amelia Hart";
    let uploaded = running.staff.upload("/api/sms/upload-media/", &[], document).await;
    assert_eq!((uploaded.status, &uploaded.json["kind"]), (201, &json!("document")), "{}", uploaded.json);
    assert_eq!((&uploaded.json["width"], &uploaded.json["height"]), (&Value::Null, &Value::Null));
    let plain = json!({"message": "x", "media_ids": [uploaded.json["media_id"]]});
    let refused = running.staff.post(&format!("/api/sms/patient/{patient}/send/"), plain).await;
    assert_eq!((refused.failure(), &refused.json["error"]["field"]), ((422, "invalid"), &json!("link")));

    let (_, link) = linked_file(&running, patient, json!({}), document).await;
    let before = Page::of(running.nobody().request(Method::GET, &link).send().await.unwrap()).await;
    assert!(before.html.contains("Open document"), "{}", before.html);
    let (page, address) = opened(&running, &link, "class=\"open\" href=\"").await;
    assert!(page.html.contains("Open the document") && !page.html.contains("<img"), "{}", page.html);
    let file = running.nobody().request(Method::GET, &address).send().await.unwrap();
    let header = |name: &str| file.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((file.status().as_u16(), header("content-type").as_str()), (200, "application/pdf"));
    assert_eq!(header("content-disposition"), "inline; filename=\"document.pdf\"");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("sandbox"), "{policy}");
    assert_eq!(file.bytes().await.unwrap(), &document[..]);
    running.stop().await;
}

#[tokio::test]
async fn a_video_is_played_piece_by_piece() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let video = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42 and so on";
    let (_, link) = linked_file(&running, patient, json!({}), video).await;
    let (page, address) = opened(&running, &link, "<video src=\"").await;
    assert!(page.header("content-security-policy").contains("media-src 'self'"));
    let piece = running.nobody().request(Method::GET, &address).header("range", "bytes=4-11");
    let piece = piece.send().await.unwrap();
    assert_eq!(piece.status(), 206);
    assert_eq!(piece.headers()["content-type"], "video/mp4");
    assert_eq!(piece.headers()["content-range"], format!("bytes 4-11/{}", video.len()).as_str());
    assert_eq!(piece.bytes().await.unwrap(), &b"ftypmp42"[..]);
    running.stop().await;
}

#[tokio::test]
async fn a_button_that_is_pressed_again_after_a_lost_answer_shows_the_photo() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let (message, link) = linked(&running, patient, json!({"one_opening": true})).await;
    let nobody = running.nobody();
    let carried = async || {
        let page = Page::of(nobody.request(Method::GET, &link).send().await.unwrap()).await;
        let value = page.html.split("name=\"page\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        value.to_owned()
    };
    let press = async |carries: &str| {
        let request = nobody.request(Method::POST, &link).form(&[("page", carries)]);
        Page::of(request.send().await.unwrap()).await
    };
    let (ours, other) = (carried().await, carried().await);
    for _ in 0..3 {
        let opened = press(&ours).await;
        assert!(opened.status == 200 && opened.html.contains("<img"), "{}", opened.html);
    }
    assert_eq!(press(&other).await.status, 410, "a page that did not open it is too late");
    let link = shown(&running, patient, &message).await;
    assert_eq!((&link["state"], &link["openings"]), (&json!("used_up"), &json!(1)));
    running.stop().await;
}
