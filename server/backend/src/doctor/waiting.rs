//! Whatever waits has a job that will see to it.

use super::{Examination, Trouble};
use crate::jobs::{Job, Owner, queue};
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::{AttachmentId, DeliveryId, JournalEntryId, OrgId, PatientImageId};
use std::collections::HashSet;
use uuid::Uuid;

/// Jobs that are opened in one go.
const PAGE: usize = 500;

/// Something that waits, and the job that would see to it.
struct Waiting {
    trouble: Trouble,
    id: Uuid,
    org: OrgId,
    job: Job,
    order_key: Option<String>,
}

impl Examination<'_> {
    pub(super) async fn waiting(&mut self) -> Result<()> {
        // One moment: a job goes after what it was for has moved on, and comes with it.
        let mut tx = self.backend.store.snapshot().await?;
        let jobs = all_jobs(self.backend, &mut tx).await?;
        let mut forgotten = Vec::new();
        for waiting in all_waiting(&mut tx).await? {
            if !jobs.contains(&written(&waiting.job)?) {
                forgotten.push(waiting);
            }
        }
        drop(tx);
        for waiting in forgotten {
            if self.repair {
                self.give_job(&waiting).await?;
            }
            self.found(waiting.trouble, waiting.id.to_string(), self.repair);
        }
        Ok(())
    }

    async fn give_job(&self, waiting: &Waiting) -> Result<()> {
        let backend = self.backend;
        let mut tx = backend.store.write().await?;
        let now = backend.clock.now();
        queue::push(backend, &mut tx, waiting.org, &waiting.job, waiting.order_key.as_deref(), now).await?;
        tx.commit().await?;
        backend.live.wake(waiting.org);
        Ok(())
    }
}

/// Every job that will run, as it is written down. Those that stand aside will not, nor those that another version made
/// in a form that this one does not know.
async fn all_jobs(backend: &Backend, tx: &mut Tx) -> Result<HashSet<String>> {
    let mut all = HashSet::new();
    let mut after = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, Vec<u8>)> = tx
            .all(
                "SELECT id, payload_sealed FROM job WHERE state <> 'failed' AND id > $1 ORDER BY id LIMIT $2",
                args![after, PAGE],
            )
            .await?;
        let Some((last, _)) = rows.last() else { return Ok(all) };
        after = *last;
        for (_, sealed) in &rows {
            let payload = backend.keys.open(Purpose::Job, sealed)?;
            if let Ok(job) = serde_json::from_slice(&payload) {
                all.insert(written(&job)?);
            }
        }
    }
}

fn written(job: &Job) -> Result<String> {
    serde_json::to_string(job).map_err(|_| Error::Inconsistent("a job does not serialise"))
}

async fn all_waiting(tx: &mut Tx) -> Result<Vec<Waiting>> {
    let mut all = Vec::new();
    let attachments: Vec<(Uuid, Uuid, String)> = tx
        .all(
            "SELECT id, org_id, state FROM attachment WHERE state IN ('arriving', 'processing') ORDER BY id",
            args![],
        )
        .await?;
    for (id, org, state) in attachments {
        let attachment_id = AttachmentId(id);
        let job = match state.as_str() {
            "arriving" => Job::FetchMedia { attachment_id },
            _ => Job::MakeRenditions { owner: Owner::Attachment(attachment_id) },
        };
        all.push(Waiting { trouble: Trouble::PhotoForgotten, id, org: org.into(), job, order_key: None });
    }
    let images: Vec<(Uuid, Uuid)> = tx
        .all("SELECT id, org_id FROM patient_image WHERE state = 'processing' ORDER BY id", args![])
        .await?;
    for (id, org) in images {
        let job = Job::MakeRenditions { owner: Owner::PatientImage(PatientImageId(id)) };
        all.push(Waiting { trouble: Trouble::PhotoForgotten, id, org: org.into(), job, order_key: None });
    }
    let deliveries: Vec<(Uuid, Uuid, Uuid)> = tx
        .all(
            "SELECT d.id, d.org_id, m.conversation_id FROM delivery d JOIN message m ON m.id = d.message_id
             WHERE d.state IN ('queued', 'sending') ORDER BY d.id",
            args![],
        )
        .await?;
    for (id, org, conversation) in deliveries {
        let job = Job::DeliverMessage { delivery_id: DeliveryId(id) };
        let order_key = Some(format!("conversation:{conversation}"));
        all.push(Waiting { trouble: Trouble::SendingForgotten, id, org: org.into(), job, order_key });
    }
    let entries: Vec<(Uuid, Uuid)> = tx
        .all("SELECT id, org_id FROM journal_entry WHERE state = 'pending' ORDER BY received_at, id", args![])
        .await?;
    for (id, org) in entries {
        let job = Job::ReadWebhook { journal_entry_id: JournalEntryId(id) };
        all.push(Waiting { trouble: Trouble::WebhookForgotten, id, org: org.into(), job, order_key: None });
    }
    Ok(all)
}
