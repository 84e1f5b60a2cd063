//! The doors that are not the API: health, metrics, pages, files.

use crate::running::{PHOTO, Running};
use backend::providers::HttpError;
use reqwest::Method;
use std::fs;

#[tokio::test]
async fn health_readiness_and_metrics() {
    let running = Running::start().await;
    let nobody = running.nobody();
    let get = async |path: &str| nobody.request(Method::GET, path).send().await.unwrap();
    assert_eq!(get("/healthz").await.text().await.unwrap(), "ok\n");
    assert_eq!(get("/readyz").await.status(), 200);
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("http_requests_total"), "{metrics}");
    assert!(metrics.contains(r#"route="/healthz""#));
    assert!(metrics.contains("\njobs_failed 0") && metrics.contains("\nwebhooks_poisoned 0"), "{metrics}");
    let proxied = nobody.request(Method::GET, "/metrics").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(proxied.send().await.unwrap().status(), 404);
    running.backend.store.close().await;
    nobody.readiness_becomes("unavailable", "ready").await;
    assert_eq!(nobody.get("/readyz").await.json["error"]["code"], "unavailable");
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("\nstorage_ready{part=\"database\"} 0\n"), "{metrics}");
    assert_eq!(get("/healthz").await.status(), 200);
    running.stop().await;
}

#[tokio::test]
async fn metrics_ask_for_the_token_where_one_is_set() {
    let running = Running::with(&["--metrics-token", "for-the-collector"]).await;
    let mut asker = running.nobody();
    assert_eq!(asker.get("/metrics").await.failure(), (404, "not_found"));
    asker.bearer = Some("for-the-collector".to_owned());
    assert_eq!(asker.get("/metrics").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn metrics_name_routes_and_never_addresses() {
    let running = Running::start().await;
    let secret = "a-secret-that-stands-in-an-address";
    running.nobody().get(&format!("/welcome/{secret}")).await;
    running.nobody().get(&format!("/webhooks/twilio/{secret}/inbound")).await;
    running.nobody().get(&format!("/media/{secret}?sig={secret}")).await;
    let metrics = running.nobody().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains(r#"route="/webhooks/{provider}/{line_key}/{kind}""#), "{metrics}");
    assert!(!metrics.contains(secret), "{metrics}");
    running.stop().await;
}

#[tokio::test]
async fn pages_are_rendered_with_careful_headers() {
    let running = Running::start().await;
    let page = running.nobody().request(Method::GET, "/sign-in").header("accept", "text/html");
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), 200);
    let header = |name: &str| page.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let policy = header("content-security-policy").unwrap();
    assert!(policy.contains("'nonce-") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(header("strict-transport-security"), None, "only behind https");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let html = page.text().await.unwrap();
    assert!(html.contains(&format!("nonce=\"{nonce}\"")), "{html}");
    let lost = running.nobody().request(Method::GET, "/no/such/page").header("accept", "text/html");
    let lost = lost.send().await.unwrap();
    assert_eq!(lost.status(), 404);
    assert!(lost.text().await.unwrap().contains("<html"));
    running.stop().await;
}

#[tokio::test]
async fn built_files_are_kept_for_good_and_sent_compressed() {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("pkg")).unwrap();
    let write = |name: &str, content: &str| fs::write(site.path().join(name), content).unwrap();
    write("pkg/manifest.json", r#"{"main.css": "main.0a1b.css"}"#);
    write("pkg/main.0a1b.css", "plain");
    write("pkg/main.0a1b.css.br", "brotli");
    write("robots.txt", "robots");
    let running = Running::with(&["--site", site.path().to_str().unwrap()]).await;
    let get = async |path: &str, accepts: &str| {
        let request = running.nobody().request(Method::GET, path).header("accept-encoding", accepts);
        request.send().await.unwrap()
    };
    let css = get("/pkg/main.0a1b.css", "br, gzip").await;
    assert_eq!(css.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(css.headers()["content-encoding"], "br");
    assert_eq!(css.headers()["content-type"], "text/css");
    assert_eq!(css.text().await.unwrap(), "brotli");
    assert_eq!(get("/pkg/main.0a1b.css", "identity").await.text().await.unwrap(), "plain");
    assert_eq!(get("/pkg/gone.js", "br").await.status(), 404);
    assert_eq!(get("/pkg/..%2f..%2fdata/keys/master.key", "br").await.status(), 404);
    let robots = get("/robots.txt", "identity").await;
    assert_eq!(robots.headers()["cache-control"], "public, max-age=3600", "its name stays when it changes");
    assert_eq!(robots.text().await.unwrap(), "robots");
    let page = get("/sign-in", "gzip").await;
    assert_eq!(page.headers()["content-encoding"], "gzip");
    running.stop().await;
}

#[tokio::test]
async fn nobody_but_the_simulated_carrier_is_sent_to_addresses_of_this_machine() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for settings in [&[][..], &["--messaging-mock-mode", "true"]] {
        let running = Running::with(settings).await;
        let (base, other) = (&running.base, other.local_addr().unwrap());
        for url in [
            format!("{base}/metrics"),
            format!("{base}/simulator/messages"),
            format!("{base}/media/mms/outbound/x"),
            format!("http://{other}/simulator/messages"),
            format!("http://localhost:{}/", other.port()),
        ] {
            let fetched = running.backend.http.fetch(&url.parse().unwrap(), None, 1000).await.map(drop);
            assert_eq!(fetched, Err(HttpError::Forbidden), "{url}");
        }
        running.stop().await;
    }
}

#[tokio::test]
async fn a_part_of_a_photo_can_be_asked_for() {
    let running = Running::start().await;
    let uploaded = running.staff.upload("/api/sms/upload-media/", &[], PHOTO).await;
    let url = uploaded.json["media_url"].as_str().unwrap().to_owned();
    let size = PHOTO.len();
    let get = async |range: &str, method: Method| {
        let request = running.nobody().request(method, &url).header("range", range);
        let response = request.send().await.unwrap();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (place, length) = (header("content-range"), header("content-length"));
        assert!(response.status() == 416 || header("accept-ranges").as_deref() == Some("bytes"), "{range}");
        (response.status().as_u16(), place, length, response.bytes().await.unwrap())
    };
    let last = size - 1;
    for (range, from, to) in [
        ("bytes=0-9".to_owned(), 0, 9),
        ("bytes=10-".to_owned(), 10, last),
        ("bytes=-5".to_owned(), size - 5, last),
        (format!("bytes=3-{}", size * 2), 3, last),
    ] {
        let (status, place, length, bytes) = get(&range, Method::GET).await;
        assert_eq!((status, place), (206, Some(format!("bytes {from}-{to}/{size}"))), "{range}");
        assert_eq!(length, Some((to + 1 - from).to_string()), "{range}");
        assert_eq!(bytes, PHOTO[from..=to], "{range}");
    }
    let (status, place, ..) = get(&format!("bytes={size}-"), Method::GET).await;
    assert_eq!((status, place), (416, Some(format!("bytes */{size}"))));
    for whole in ["bytes=0-1,4-5", "bytes=x-", "lines=1-2"] {
        let (status, place, _, bytes) = get(whole, Method::GET).await;
        assert_eq!((status, place), (200, None), "{whole}");
        assert_eq!(bytes, PHOTO, "{whole}");
    }
    let (status, _, length, bytes) = get("bytes=0-9", Method::HEAD).await;
    assert_eq!((status, length.as_deref(), bytes.len()), (206, Some("10"), 0));
    let unchanged = running.nobody().request(Method::GET, &url).header("range", "bytes=0-9");
    let unchanged = unchanged.header("if-range", "\"of another time\"").send().await.unwrap();
    assert_eq!(unchanged.status(), 200, "nothing tells whether it is still the same file");
    running.stop().await;
}
