//! Where staff see what is wrong, in words that name nobody.

use super::{Examination, Trouble};
use crate::Result;
use crate::jobs::Owner;
use crate::media::blobs::BlobKey;
use crate::media::inventory::Original;
use crate::store::args;
use jiff::Timestamp;
use model::Millis;
use uuid::Uuid;

impl Examination<'_> {
    /// Something that is wrong with an original, or with what was made of it; `why` it cannot be read.
    pub(super) async fn found_of(
        &mut self,
        trouble: Trouble,
        original: &Original,
        why: Option<String>,
        repaired: bool,
    ) -> Result<()> {
        let place = self.shown_at(original).await?;
        let about = why.into_iter().chain(place).collect();
        self.found_about(trouble, original.id().to_string(), about, repaired);
        Ok(())
    }

    /// The moment and the page; `None` when its row went just now.
    async fn shown_at(&self, original: &Original) -> Result<Option<String>> {
        let sql = match original.owner {
            Owner::Attachment(_) => {
                "SELECT m.conversation_id, COALESCE(m.at, a.created_at)
                 FROM attachment a LEFT JOIN message m ON m.id = a.message_id WHERE a.id = $1"
            }
            Owner::PatientImage(_) => "SELECT patient_id, filed_at FROM patient_image WHERE id = $1",
        };
        let mut tx = self.backend.store.read().await?;
        let row: Option<(Option<Uuid>, Millis)> = tx.one(sql, args![original.id()]).await?;
        drop(tx);
        let base = self.backend.settings.app_url.as_str().trim_end_matches('/');
        Ok(row.map(|(page, at)| match (page, original.key) {
            (Some(patient), BlobKey::Image(..)) => {
                format!("filed on {} in {base}/patients/{patient}", moment(at))
            }
            (Some(conversation), BlobKey::Inbound(..) | BlobKey::Outbound(..)) => {
                format!("in the message of {} in {base}/c/{conversation}", moment(at))
            }
            (None, _) => format!("uploaded on {}, in no message", moment(at)),
        }))
    }
}

/// For people of any place.
fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at)
        .map_or_else(|_| "an unknown day".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
