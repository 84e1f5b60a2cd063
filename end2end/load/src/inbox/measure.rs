//! What staff do all day, timed at the calls that the server's handlers make.

use super::fill::Filled;
use anyhow::{Result, ensure};
use backend::testing::TestBackend;
use backend::{alerts, conversations, messages, patients};
use model::conversation::{InboxQuery, Show, ThreadFrom};
use std::time::{Duration, Instant};

/// Calls of each kind that do not count.
const WARM_UP: usize = 30;

/// Pages that are turned to be deep in a list, and how many of them are asked for again.
const DEEP: usize = 400;

/// Between two searches of one person, who has a share of them by the minute.
const PAUSE: Duration = Duration::from_secs(1);

/// How long calls of one kind took, in milliseconds.
pub struct Timing {
    /// Which kind.
    pub name: &'static str,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 95 in a hundred took no longer.
    pub p95_ms: f64,
}

/// A member of staff at their screen. Each call answers how much it found.
struct Desk<'a> {
    clinic: &'a TestBackend,
    filled: &'a Filled,
}

impl Desk<'_> {
    async fn inbox(&self, query: InboxQuery) -> Result<usize> {
        let page = conversations::list(&self.clinic.backend, &self.clinic.admin, &query).await?;
        Ok(page.items.len())
    }

    /// The clinic's clock stands still otherwise.
    fn pause(&self) {
        self.clinic.backend.clock.advance(PAUSE);
    }

    async fn named(&self, text: &str) -> Result<usize> {
        self.pause();
        self.inbox(InboxQuery { search: Some(text.to_owned()), ..InboxQuery::default() }).await
    }

    async fn after(&self, cursor: &str) -> Result<usize> {
        self.inbox(InboxQuery { cursor: Some(cursor.to_owned()), ..InboxQuery::default() }).await
    }

    async fn unread(&self) -> Result<usize> {
        self.inbox(InboxQuery { show: Show::Unread, ..InboxQuery::default() }).await
    }

    async fn opened(&self) -> Result<usize> {
        conversations::get(&self.clinic.backend, &self.clinic.admin, self.filled.longest).await?;
        self.thread(ThreadFrom::Newest).await
    }

    async fn thread(&self, from: ThreadFrom) -> Result<usize> {
        let (backend, staff) = (&self.clinic.backend, &self.clinic.admin);
        let slice = conversations::thread(backend, staff, self.filled.longest, &from).await?;
        Ok(slice.messages.len())
    }

    async fn text(&self, words: &str) -> Result<usize> {
        self.pause();
        let page = messages::search(&self.clinic.backend, &self.clinic.admin, words, None).await?;
        Ok(page.items.len())
    }

    /// As each open screen of an admin asks now and then. There is none here, which is the most work.
    async fn alerts(&self) -> Result<usize> {
        let alerts = alerts::list(&self.clinic.backend, &self.clinic.admin).await?;
        ensure!(alerts.is_empty(), "an alert in a clinic that is well");
        Ok(1)
    }

    async fn patients(&self, name: &str) -> Result<usize> {
        self.pause();
        let page = patients::list(&self.clinic.backend, &self.clinic.admin, Some(name), None).await?;
        Ok(page.items.len())
    }
}

/// Every kind of call in turn, `rounds` times each.
///
/// # Errors
/// Where a call fails or finds nothing: then its time says nothing.
pub async fn measure(clinic: &TestBackend, filled: &Filled, rounds: usize) -> Result<Vec<Timing>> {
    let pages = pages_of_inbox(clinic).await?;
    let slices = slices_of_thread(clinic, filled).await?;
    let desk = Desk { clinic, filled };
    let (names, name, digits) = (&filled.rare_names, &filled.common_name, &filled.last_digits);
    let (rare, medium, common) = (&filled.rare_words, &filled.medium_words, &filled.common_words);
    let older = async |n: usize| desk.thread(ThreadFrom::Older(any(&slices, n).to_owned())).await;
    Ok(vec![
        timed("inbox_first_page", rounds, async |_| desk.inbox(InboxQuery::default()).await).await?,
        timed("inbox_unread", rounds, async |_| desk.unread().await).await?,
        timed("inbox_next_page", rounds, async |_| desk.after(&pages[0]).await).await?,
        timed("inbox_deep_page", rounds, async |n| desk.after(any(&pages, n)).await).await?,
        timed("thread_opened", rounds, async |_| desk.opened().await).await?,
        timed("thread_older", rounds, older).await?,
        timed("inbox_name_rare", rounds, async |n| desk.named(any(names, n)).await).await?,
        timed("inbox_name_common", rounds, async |_| desk.named(name).await).await?,
        timed("inbox_last_digits", rounds, async |n| desk.named(any(digits, n)).await).await?,
        timed("patients_name_rare", rounds, async |n| desk.patients(any(names, n)).await).await?,
        timed("patients_name_common", rounds, async |_| desk.patients(name).await).await?,
        timed("text_rare", rounds, async |n| desk.text(any(rare, n)).await).await?,
        timed("text_medium", rounds, async |n| desk.text(any(medium, n)).await).await?,
        timed("text_common", rounds, async |n| desk.text(any(common, n)).await).await?,
        timed("alerts", rounds, async |_| desk.alerts().await).await?,
    ])
}

/// Times a call that answers how much it found.
async fn timed(
    name: &'static str,
    rounds: usize,
    mut call: impl AsyncFnMut(usize) -> Result<usize>,
) -> Result<Timing> {
    let mut times = Vec::with_capacity(rounds);
    for round in 0..WARM_UP + rounds {
        let started = Instant::now();
        let found = call(round).await?;
        let took = started.elapsed();
        ensure!(found > 0, "{name} found nothing");
        if round >= WARM_UP {
            times.push(took.as_secs_f64() * 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times.get(place).or(times.last()).copied().unwrap_or(0.0)
    };
    Ok(Timing { name, p50_ms: at(0.50), p95_ms: at(0.95) })
}

/// One of some texts, another one each round.
fn any(texts: &[String], round: usize) -> &str {
    // Far from the one before.
    texts.get(round * 37 % texts.len().max(1)).map_or("", String::as_str)
}

/// Where the pages of the inbox begin, from the second one on.
async fn pages_of_inbox(clinic: &TestBackend) -> Result<Vec<String>> {
    let mut pages = Vec::new();
    let mut query = InboxQuery::default();
    while pages.len() < DEEP {
        let page = conversations::list(&clinic.backend, &clinic.admin, &query).await?;
        let Some(next) = page.next else { break };
        pages.push(next.clone());
        query.cursor = Some(next);
    }
    ensure!(!pages.is_empty(), "the inbox has one page only");
    Ok(pages)
}

/// Where the slices of the longest thread end, from the second newest one on.
async fn slices_of_thread(clinic: &TestBackend, filled: &Filled) -> Result<Vec<String>> {
    let mut slices = Vec::new();
    let mut from = ThreadFrom::Newest;
    while slices.len() < DEEP {
        let slice = conversations::thread(&clinic.backend, &clinic.admin, filled.longest, &from).await?;
        let Some(older) = slice.older else { break };
        slices.push(older.clone());
        from = ThreadFrom::Older(older);
    }
    ensure!(!slices.is_empty(), "the longest thread has one slice only");
    Ok(slices)
}
