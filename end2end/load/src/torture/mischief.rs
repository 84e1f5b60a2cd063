//! What is done to the server: its processes are killed, its database and its blob store are taken away and given back.

use super::dice::Dice;
use super::server::Server;
use super::storage::Service;
use anyhow::Result;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// From the death of one process to that of the next one, on average.
pub(super) const LIFE: Duration = Duration::from_millis(3500);

/// Kills processes until as many as `wanted` were, and for as long as anybody writes.
pub(super) async fn kill(server: &Server, wanted: usize, written: &CancellationToken, mut dice: Dice) {
    while server.kills() < wanted || !written.is_cancelled() {
        // Some do not live to see their own start.
        let life = match dice.chance(15) {
            true => dice.between(Duration::from_millis(50), Duration::from_secs(1)),
            false => dice.between(Duration::from_millis(1500), LIFE.mul_f64(1.9)),
        };
        tokio::time::sleep(life).await;
        server.kill_one(&mut dice);
    }
}

/// Takes the services away one at a time and gives each back after some seconds, until it is `over`. Answers with the
/// services, all of them running, and how often that happened.
pub(super) async fn interrupt(
    mut services: Vec<Service>,
    pause: Duration,
    over: CancellationToken,
    mut dice: Dice,
) -> Result<(Vec<Service>, usize)> {
    let mut times = 0;
    while !services.is_empty() {
        tokio::select! {
            () = tokio::time::sleep(dice.between(pause / 2, pause * 2)) => {}
            () = over.cancelled() => break,
        }
        // In turn, so that also a short run meets each.
        let turn = times % services.len();
        let service = &mut services[turn];
        println!("  {} is stopped for a while", service.name);
        service.stop(&mut dice).await?;
        tokio::time::sleep(dice.between(Duration::from_millis(500), Duration::from_secs(4))).await;
        service.start().await?;
        times += 1;
    }
    Ok((services, times))
}
