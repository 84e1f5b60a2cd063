//! Whether database and blob store fit together, and what can be done where they do not.
//!
//! Others may work meanwhile: what came or went while it was looked at is no finding.

mod conversations;
mod media;
mod waiting;
mod whereabouts;

use crate::{Backend, Result};

/// What is wrong with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A photo or file that the database names does not lie in the blob store.
    OriginalMissing,
    /// It lies there with other bytes than those that came.
    OriginalAltered,
    /// It, or a copy made of it, lies there and cannot be read.
    Unreadable,
    /// Its bytes are right, and their number in the database is wrong.
    SizeWrong,
    /// A copy that is made of it is missing or cut off.
    RenditionMissing,
    /// A blob that nothing in the database owns.
    NobodysBlob,
    /// A conversation counts other messages as unread than are unread.
    UnreadWrong,
    /// A conversation names another message as its newest than is its newest.
    NewestWrong,
    /// A photo waits to be fetched or worked on, and no job will do it.
    PhotoForgotten,
    /// A message waits to be sent, and no job will do it.
    SendingForgotten,
    /// A webhook waits to be read, and no job will do it.
    WebhookForgotten,
}

impl Trouble {
    /// In words for the operator.
    pub fn words(self) -> &'static str {
        match self {
            Self::OriginalMissing => "missing from the store for photos",
            Self::OriginalAltered => "its bytes are not those that came",
            Self::Unreadable => "cannot be read",
            Self::SizeWrong => "its size is noted wrongly",
            Self::RenditionMissing => "a copy made of it is missing",
            Self::NobodysBlob => "lies in the store for photos, and nothing names it",
            Self::UnreadWrong => "its unread messages are counted wrongly",
            Self::NewestWrong => "its newest message is noted wrongly",
            Self::PhotoForgotten => "waits to be fetched or worked on, without a job",
            Self::SendingForgotten => "waits to be sent, without a job",
            Self::WebhookForgotten => "waits to be read, without a job",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub trouble: Trouble,
    /// Which row or blob; ids alone, which say nothing about anybody.
    pub id: String,
    /// Why it cannot be read, and where staff see it. Names nobody.
    pub about: Vec<String>,
    /// Whether it was repaired, or a job that will was recorded.
    pub repaired: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Photos and files, read to their last byte.
    pub originals: u64,
    /// Copies made of them.
    pub renditions: u64,
    /// What the blob store lists.
    pub blobs: u64,
    /// Files in it whose names are none of ours; they are left alone.
    pub strange: u64,
    /// Conversations.
    pub conversations: u64,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How much is wrong still.
    pub fn left(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.repaired).count()
    }
}

/// Looks at everything; with `repair`, repairs what can be. `tell` gets each finding when it is made.
///
/// # Errors
/// `Conflict`, with words for the operator, when something is to be repaired and the store for photos is empty although
/// the database names some.
pub async fn examine(backend: &Backend, repair: bool, tell: &mut dyn FnMut(&Finding)) -> Result<Report> {
    let mut examination = Examination { backend, repair, report: Report::default(), tell };
    if repair {
        examination.refuse_empty_store().await?;
    }
    examination.media().await?;
    examination.nobodys_blobs().await?;
    examination.conversations().await?;
    // Last: what was repaired before has its job by now.
    examination.waiting().await?;
    Ok(examination.report)
}

/// An examination under way.
struct Examination<'a> {
    backend: &'a Backend,
    repair: bool,
    report: Report,
    tell: &'a mut dyn FnMut(&Finding),
}

impl Examination<'_> {
    fn found(&mut self, trouble: Trouble, id: String, repaired: bool) {
        self.found_about(trouble, id, Vec::new(), repaired);
    }

    fn found_about(&mut self, trouble: Trouble, id: String, about: Vec<String>, repaired: bool) {
        let finding = Finding { trouble, id, about, repaired };
        (self.tell)(&finding);
        self.report.findings.push(finding);
    }
}
