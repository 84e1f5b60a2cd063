//! A carrier's side, cheap enough not to be what is measured: requests made beforehand, over connections that stay open.

use anyhow::{Context, Result, bail, ensure};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Answers that were not 200.
    pub errors: usize,
    /// From when a request was due to its answer, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// Takes in another run, as if the two had been one.
    pub fn add(&mut self, other: Self) {
        self.took += other.took;
        self.errors += other.errors;
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency that `share` of the answers stayed within, for example 0.99.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

/// As fast as the server answers, over so many connections at once.
pub async fn flat_out(authority: &str, requests: Vec<Vec<u8>>, connections: usize) -> Result<Outcome> {
    drive(authority, requests, connections, None).await
}

/// At so many a second, evenly, whether or not the server keeps up: a request that has to wait for a connection counts
/// from when it was due.
pub async fn at_rate(
    authority: &str,
    requests: Vec<Vec<u8>>,
    connections: usize,
    per_second: f64,
) -> Result<Outcome> {
    drive(authority, requests, connections, Some(Duration::from_secs_f64(1.0 / per_second))).await
}

async fn drive(
    authority: &str,
    requests: Vec<Vec<u8>>,
    connections: usize,
    every: Option<Duration>,
) -> Result<Outcome> {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut streams = VecDeque::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(authority).await.context("the server takes no connection")?;
        stream.set_nodelay(true)?;
        streams.push_back(stream);
    }
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for stream in streams {
        clients.spawn(client(stream, requests.clone(), next.clone(), began, every));
    }
    let mut outcome = Outcome::default();
    while let Some(done) = clients.join_next().await {
        let (latencies, errors) = done??;
        outcome.latencies.extend(latencies);
        outcome.errors += errors;
    }
    outcome.took = began.elapsed();
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

async fn client(
    mut stream: TcpStream,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    began: Instant,
    every: Option<Duration>,
) -> Result<(Vec<Duration>, usize)> {
    let (mut latencies, mut errors, mut buffer) = (Vec::new(), 0, vec![0; 16 * 1024]);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(n) else { return Ok((latencies, errors)) };
        let due = match every {
            Some(every) => {
                let due = began + every.mul_f64(n as f64);
                tokio::time::sleep_until(due.into()).await;
                due
            }
            None => Instant::now(),
        };
        stream.write_all(request).await?;
        let status = answer(&mut stream, &mut buffer).await?;
        latencies.push(due.elapsed());
        errors += usize::from(status != 200);
    }
}

/// Reads one answer whole; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server closed a connection");
        filled += read;
        let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
            ensure!(filled < buffer.len(), "an answer's head is too long");
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).context("an answer's head is no text")?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let Some(length): Option<usize> = length else { bail!("an answer does not say how long it is") };
        let mut missing = (end + 4 + length).saturating_sub(filled);
        while missing > 0 {
            let most = missing.min(buffer.len());
            let read = stream.read(&mut buffer[..most]).await?;
            ensure!(read > 0, "the server closed a connection");
            missing -= read;
        }
        return Ok(status);
    }
}
