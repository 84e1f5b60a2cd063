//! Which addresses the client calls, where it lets itself be sent, and how much it takes.

use crate::support::{http_to, url};
use futures::StreamExt;
use providers::{Http, HttpError, Login, Netguard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const LOGIN: (&str, &str) = ("user", "password");

#[tokio::test]
async fn a_private_address_is_refused_in_every_spelling() {
    let server = MockServer::start().await;
    let port = server.address().port();
    let http = http_to(&[]);
    let hosts = "127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 2130706433 0177.0.0.1 0 localhost LOCALHOST localhost. \
        a%2elocalhost [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::127.0.0.1] 127.0.0.1%2E \
        10.1.2.3 172.20.1.1 192.168.1.1 169.254.169.254 100.100.100.200 [fd00::1] [fe80::1] 224.0.0.1 198.51.100.1 \
        １２７.0.0.1";
    for host in hosts.split_whitespace() {
        let Ok(address) = format!("http://{host}:{port}/").parse() else { continue };
        let got = http.fetch(&address, None, 10).await.map(|_| ());
        // Some machines cannot resolve the odder spellings of a name; that is no way in either.
        let odd_name = host.ends_with("localhost.") || host.ends_with("elocalhost");
        let refused = got == Err(HttpError::Forbidden) || odd_name && got == Err(HttpError::Connect);
        assert!(refused, "{host}: {got:?}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_web_addresses_without_credentials_are_called() {
    let http = http_to(&[]);
    for address in
        ["ftp://example.com/", "file:///etc/passwd", "data:,x", "invalid:no-link", "http://u:p@example.com/"]
    {
        let got = http.fetch(&url(address), None, 10).await.map(|_| ());
        assert_eq!(got, Err(HttpError::Forbidden), "{address}");
    }
}

#[tokio::test]
async fn credentials_do_not_travel_without_tls() {
    let got = http_to(&[]).fetch(&url("http://example.com/"), Some(&login()), 10).await.map(|_| ());
    assert_eq!(got, Err(HttpError::Forbidden));
    let got = http_to(&[]).post_form(&url("http://example.com/"), Some(&login()), &[]).await.map(|_| ());
    assert_eq!(got, Err(HttpError::Forbidden));
}

#[tokio::test]
async fn an_allowed_pair_allows_one_port() {
    let (open, closed) = (MockServer::start().await, MockServer::start().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("yes")).mount(&open).await;
    let http = http_to(&[&open]);
    let (_, body) = http.fetch_whole(&url(&open.uri()), None, 10).await.unwrap();
    assert_eq!(body, "yes");
    let got = http.fetch(&url(&closed.uri()), None, 10).await.map(|_| ());
    assert_eq!(got, Err(HttpError::Forbidden));
    let by_name = format!("localhost:{}", open.address().port());
    let http = Http::new(Netguard { allowed_private: [by_name.clone()].into(), own: None }).unwrap();
    assert!(http.fetch(&url(&format!("http://{by_name}/")), None, 10).await.is_ok());
}

#[tokio::test]
async fn a_redirect_does_not_lead_inside() {
    let (open, closed) = (MockServer::start().await, MockServer::start().await);
    redirect(&open, "/", &closed.uri()).await;
    let got = http_to(&[&open]).fetch(&url(&open.uri()), None, 10).await.map(|_| ());
    assert_eq!(got, Err(HttpError::Forbidden));
    assert!(closed.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn credentials_stay_with_their_host_and_do_not_come_back() {
    let (first, second) = (MockServer::start().await, MockServer::start().await);
    redirect(&first, "/a", "/b").await;
    redirect(&first, "/b", &format!("{}/c", second.uri())).await;
    redirect(&second, "/c", &format!("{}/d", first.uri())).await;
    Mock::given(path("/d")).respond_with(ResponseTemplate::new(200)).mount(&first).await;
    let http = http_to(&[&first, &second]);
    http.fetch(&url(&format!("{}/a", first.uri())), Some(&login()), 10).await.unwrap();
    let mut seen = Vec::new();
    for server in [&first, &second] {
        for request in server.received_requests().await.unwrap() {
            seen.push((request.url.path().to_owned(), request.headers.contains_key("authorization")));
        }
    }
    let expected = [("/a", true), ("/b", true), ("/d", false), ("/c", false)];
    assert_eq!(seen, expected.map(|(path, login)| (path.to_owned(), login)));
}

#[tokio::test]
async fn a_redirect_in_circles_ends() {
    let server = MockServer::start().await;
    redirect(&server, "/", "/").await;
    let got = http_to(&[&server]).fetch(&url(&server.uri()), None, 10).await.map(|_| ());
    assert_eq!(got, Err(HttpError::Status { status: 302, retry_after: None }));
    assert_eq!(server.received_requests().await.unwrap().len(), 6);
}

#[tokio::test]
async fn an_answer_that_is_no_success_says_when_to_come_back() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "30");
    Mock::given(any()).respond_with(busy).mount(&server).await;
    let got = http_to(&[&server]).fetch(&url(&server.uri()), None, 10).await.map(|_| ());
    let retry_after = Some(std::time::Duration::from_secs(30));
    assert_eq!(got, Err(HttpError::Status { status: 503, retry_after }));
}

#[tokio::test]
async fn the_cap_holds_whether_the_size_is_announced_or_not() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string("0123456789"))
        .mount(&server)
        .await;
    let http = http_to(&[&server]);
    assert_eq!(http.fetch_whole(&url(&server.uri()), None, 10).await.unwrap().1, "0123456789");
    let got = http.fetch(&url(&server.uri()), None, 9).await.map(|_| ());
    assert_eq!(got, Err(HttpError::TooLarge));

    let (silent, http) = raw_server("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n0123456789").await;
    assert_eq!(http.fetch_whole(&silent, None, 10).await.unwrap().1, "0123456789");
    let fetched = http.fetch(&silent, None, 9).await.unwrap();
    let last = fetched.body.collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last, Err(HttpError::TooLarge));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_whole() {
    let (address, http) = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n0123456789").await;
    assert_eq!(http.fetch_whole(&address, None, 1000).await.unwrap_err(), HttpError::Interrupted);
}

fn login() -> Login {
    Login::Basic(LOGIN.0.to_owned(), LOGIN.1.to_owned())
}

async fn redirect(server: &MockServer, from: &str, to: &str) {
    let answer = ResponseTemplate::new(302).insert_header("location", to);
    Mock::given(path(from)).respond_with(answer).mount(server).await;
}

/// Answers everything the same, byte for byte, and hangs up.
async fn raw_server(answer: &'static str) -> (url::Url, Http) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(socket.read(&mut request).await.unwrap() > 0);
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let http = Http::new(Netguard { allowed_private: [address.to_string()].into(), own: None }).unwrap();
    (url(&format!("http://{address}/")), http)
}
