//! What messages cost, as other software and spreadsheets read it.

use crate::running::{NUMBER, PHOTO, Running, form};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_sent_text_and_a_sent_picture_stand_in_the_report_and_its_file() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let uploaded = running.staff.upload("/api/sms/upload-media", &[], PHOTO).await;
    let send = format!("/api/sms/patient/{patient}/send/");
    let number = "0491 570 156";
    for body in [
        json!({"phone_number": number, "message": "Hello"}),
        json!({"phone_number": number, "message": "Your photo", "media_ids": [uploaded.json["media_id"]]}),
    ] {
        assert_eq!(running.staff.post(&send, body).await.status, 201);
    }
    let report = running
        .until("both messages in the report", async || {
            let report = running.staff.get("/api/reports/messages?group_by=channel").await;
            (report.json["rows"].as_array()?.len() == 2).then_some(report.json)
        })
        .await;
    assert_eq!(
        report["rows"],
        json!([
            {"group": "sms", "name": "SMS", "direction": "outbound", "currency": "AUD", "messages": 1, "parts": 1, "cost_micros": 50_000},
            {"group": "mms", "name": "MMS", "direction": "outbound", "currency": "AUD", "messages": 1, "parts": 1, "cost_micros": 250_000},
        ])
    );
    let messages = running.staff.get(&format!("/api/sms/patient/{patient}/messages/")).await.json;
    let prices: Vec<_> =
        messages["messages"].as_array().unwrap().iter().map(|one| &one["price"]["micros"]).collect();
    assert_eq!(prices, [&json!(50_000), &json!(250_000)]);

    let file = running.staff.request(Method::GET, "/api/reports/messages.csv?group_by=carrier");
    let file = file.send().await.unwrap();
    let header = |name: &str| file.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    let (from, to) = (report["from"].as_str().unwrap(), report["to"].as_str().unwrap());
    let name = format!("attachment; filename=\"messages-by-carrier-{from}-to-{to}.csv\"");
    assert_eq!(header("content-disposition"), name);
    let rows = "carrier,direction,messages,parts,currency,cost\r\nSimulator,outbound,2,2,AUD,0.30\r\n";
    assert_eq!(file.text().await.unwrap(), rows);

    for (query, field) in [
        ("from=2026-03-01", "to"),
        ("from=2026-03-02&to=2026-03-01", "to"),
        ("from=yesterday&to=2026-03-01", "from"),
        ("zone=Atlantis", "zone"),
    ] {
        let refused = running.staff.get(&format!("/api/reports/messages.csv?{query}")).await;
        assert_eq!((refused.failure(), &refused.json["error"]["field"]), ((422, "invalid"), &json!(field)));
    }
    running.stop().await;
}

#[tokio::test]
async fn what_came_in_while_the_server_only_pretends_costs_nothing() {
    let running = Running::with(&["--messaging-mock-mode", "true"]).await;
    let (content_type, body) = form(&[("text", "Only a test")], None);
    let replies = running.staff.request(Method::POST, &format!("/simulator/phones/{NUMBER}/replies"));
    let replied = replies.header("content-type", content_type).body(body).send().await.unwrap();
    assert_eq!(replied.status(), 201);
    let rows = running
        .until("the message in the report", async || {
            let report = running.staff.get("/api/reports/messages?group_by=channel").await;
            let rows = report.json["rows"].as_array()?.clone();
            (!rows.is_empty()).then_some(rows)
        })
        .await;
    let expected = json!([
        {"group": "sms", "name": "SMS", "direction": "inbound", "currency": "AUD", "messages": 1, "parts": 1, "cost_micros": 0},
    ]);
    assert_eq!(json!(rows), expected, "a price that is known, and no carrier asked for it");
    running.stop().await;
}
