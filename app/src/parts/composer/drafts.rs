//! What is being written and not sent yet, in each conversation: it outlives the thread and the page.

use crate::api::messages;
use crate::browser;
use crate::parts::composer::chosen::Chosen;
use crate::parts::composer::upload::Progress;
use crate::parts::live::{Live, News};
use crate::parts::thread::outbox::when_connected;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::link::LinkOptions;
use model::live::Change;
use model::message::MAX_ATTACHMENTS;
use model::{AttachmentId, ConversationId, FailureCode, LineId, Millis, StaffId};
use web_sys::File;

/// What is being written in one conversation; it outlives leaving the thread.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The text.
    pub text: ArcRwSignal<String>,
    /// The pictures, in order.
    pub chosen: ArcRwSignal<Vec<Chosen>>,
    /// Another line than the one that the patient knows, for this one message.
    pub line: ArcRwSignal<Option<LineId>>,
    /// How the pictures are to be looked at, if they go as a private link.
    pub link: ArcRwSignal<Option<LinkOptions>>,
    /// Whether it goes by WhatsApp, where staff chose.
    pub whatsapp: ArcRwSignal<Option<bool>>,
    /// When the patient had last written as staff saw it here: a choice of the way holds until they write again.
    pub heard_at: ArcRwSignal<Option<Millis>>,
    /// In which conversation.
    conversation: ConversationId,
    /// Where the text is kept beyond the page.
    name: String,
    /// What was kept there has been brought back.
    restored: ArcRwSignal<bool>,
    /// As in [`Drafts`].
    begun: RwSignal<Vec<ConversationId>>,
}

/// Everything that is being written; a context of the page.
#[derive(Debug, Clone, Copy)]
pub struct Drafts {
    me: StaffId,
    all: StoredValue<Vec<(ConversationId, Draft)>>,
    /// Conversations in which something is written and not sent.
    begun: RwSignal<Vec<ConversationId>>,
}

impl Drafts {
    /// Those of one member of staff: a browser may be shared.
    pub fn new(me: StaffId) -> Self {
        Self { me, all: StoredValue::new(Vec::new()), begun: RwSignal::new(Vec::new()) }
    }

    /// Forgets what was kept of them beyond the page.
    pub fn forget(me: StaffId) {
        browser::forget_below(&drafts_of(me));
    }

    /// The draft in a conversation. In the browser it begins with the text that was kept.
    pub fn of(self, id: ConversationId) -> Draft {
        let known = self
            .all
            .with_value(|all| all.iter().find(|(other, _)| *other == id).map(|(_, draft)| draft.clone()));
        known.unwrap_or_else(|| {
            let draft = Draft {
                text: ArcRwSignal::default(),
                chosen: ArcRwSignal::default(),
                line: ArcRwSignal::default(),
                link: ArcRwSignal::default(),
                whatsapp: ArcRwSignal::default(),
                heard_at: ArcRwSignal::default(),
                conversation: id,
                name: format!("{}{id}", drafts_of(self.me)),
                restored: ArcRwSignal::new(false),
                begun: self.begun,
            };
            self.all.update_value(|all| all.push((id, draft.clone())));
            draft
        })
    }

    /// Something is written in a conversation and not sent; follows changes where signals are tracked.
    pub fn has_begun(self, id: ConversationId) -> bool {
        self.begun.read().contains(&id)
    }

    /// Those that earlier visits left behind.
    fn find_begun(self) {
        let prefix = drafts_of(self.me);
        let names = browser::names_below(&prefix);
        let begun = names.iter().filter_map(|name| conversation_of(name.strip_prefix(&prefix)?));
        self.begun.set(begun.collect());
    }

    /// Looks again at uploads that the server has worked on, and at those of which it could not tell; call it once.
    pub fn follow(self, live: Live) {
        Effect::new(move |_| {
            #[cfg(feature = "hydrate")]
            crate::parts::preview::ask_browser();
            self.find_begun();
            live.listen(move |news| {
                let changed = match news {
                    News::Change(Change::UploadChanged { attachment_id }) => Some(attachment_id),
                    News::Reload => None,
                    News::Change(_) => return,
                };
                self.look_where(|id, _| changed.is_none_or(|changed| changed == id));
            });
        });
        when_connected(live, move || self.look_where(|_, known| !known));
    }

    fn look_where(self, condition: impl Fn(AttachmentId, bool) -> bool) {
        let Some(drafts) = self.all.try_get_value() else { return };
        for draft in drafts.into_iter().map(|(_, draft)| draft) {
            for chosen in draft.chosen.get_untracked() {
                if let Progress::Done(id) = chosen.upload.get_untracked()
                    && condition(id, chosen.attachment.read_untracked().is_some())
                {
                    draft.look(&chosen, id);
                }
            }
        }
    }
}

/// How the name ends under which a draft's pictures are kept.
const PICTURES: &str = ".pictures";

/// What the names begin with under which drafts are kept.
fn drafts_of(me: StaffId) -> String {
    format!("heliograph.draft.{me}.")
}

/// The conversation of what is kept under such an ending, if that is a text or pictures.
fn conversation_of(ending: &str) -> Option<ConversationId> {
    ending.strip_suffix(PICTURES).unwrap_or(ending).parse().ok()
}

impl Draft {
    /// Brings back the text and the pictures that were kept from an earlier visit, once.
    pub fn restore(&self) {
        if self.restored.get_untracked() {
            return;
        }
        self.restored.set(true);
        if self.text.read_untracked().is_empty()
            && let Some(kept) = browser::kept(&self.name)
        {
            self.text.set(kept);
        }
        // Before the pictures: what was meant to stay here must not be about to travel.
        let link = browser::kept(&self.link_name()).and_then(|kept| serde_json::from_str(&kept).ok());
        if link.is_some() {
            self.link.set(link);
        }
        let ids = browser::kept(&self.pictures_name()).unwrap_or_default();
        for id in ids.split(',').filter_map(|id| id.parse::<AttachmentId>().ok()) {
            let is_here = untrack(|| self.chosen.read().iter().any(|chosen| chosen.id() == Some(id)));
            if is_here {
                continue;
            }
            // It has its place before the server tells more: what is not known yet must not be forgotten.
            let again = Chosen::again(id);
            self.chosen.update(|all| all.push(again.clone()));
            self.look(&again, id);
        }
    }

    /// Reads what the server has made of a picture by now. One that the server does not have is taken out; without an
    /// answer it stays.
    fn look(&self, chosen: &Chosen, id: AttachmentId) {
        let (draft, chosen) = (self.clone(), chosen.clone());
        spawn_local(async move {
            match messages::attachment(id).await {
                Ok(view) => chosen.attachment.set(Some(view)),
                Err(failure) if failure.code() == FailureCode::NotFound => draft.remove(&chosen.key),
                Err(_) => {}
            }
        });
    }

    /// Moves everything behind what is written in another conversation already.
    pub fn move_to(&self, to: &Self) {
        self.restore();
        to.restore();
        let text = std::mem::take(&mut *self.text.write());
        let chosen = std::mem::take(&mut *self.chosen.write());
        let link = self.link.write().take();
        to.text.update(|there| {
            if !there.is_empty() && !text.is_empty() {
                there.push('\n');
            }
            there.push_str(&text);
        });
        to.chosen.update(|there| there.extend(chosen));
        // Its date of birth is another one's, or nobody's.
        let link = link.map(|link| LinkOptions { ask_birth_date: false, ..link });
        to.link.update(|there| *there = there.take().or(link));
        untrack(|| {
            to.keep();
            self.keep();
        });
    }

    /// Keeps text, uploaded pictures and how they go beyond the page; follows changes where signals are tracked.
    pub fn keep(&self) {
        browser::keep(&self.name, &self.text.read());
        let ids: Vec<String> =
            self.chosen.read().iter().filter_map(Chosen::id).map(|id| id.to_string()).collect();
        browser::keep(&self.pictures_name(), &ids.join(","));
        let link = self.link.get().and_then(|link| serde_json::to_string(&link).ok());
        browser::keep(&self.link_name(), &link.unwrap_or_default());
        self.announce(!self.text.read().trim().is_empty() || !self.chosen.read().is_empty());
    }

    /// Says to the list of conversations whether there is anything.
    fn announce(&self, anything: bool) {
        let id = self.conversation;
        // An upload may end after the page.
        match self.begun.try_with_untracked(|begun| begun.contains(&id)) {
            Some(false) if anything => self.begun.update(|begun| begun.push(id)),
            Some(true) if !anything => self.begun.update(|begun| begun.retain(|other| *other != id)),
            _ => {}
        }
    }

    fn pictures_name(&self) -> String {
        format!("{}{PICTURES}", self.name)
    }

    fn link_name(&self) -> String {
        format!("{}.link", self.name)
    }

    /// Takes files in, up to the number that a message may carry. Answers what was refused, in words.
    pub async fn add(&self, files: Vec<File>) -> Vec<String> {
        // What was kept counts as well, and is kept anew with what comes.
        self.restore();
        let mut refused = Vec::new();
        for file in files {
            if self.chosen.read_untracked().iter().any(|chosen| chosen.is_of(&file)) {
                refused.push(format!("{} is already attached.", file.name()));
                continue;
            }
            if self.chosen.read_untracked().len() >= MAX_ATTACHMENTS {
                refused
                    .push(format!("{}: a message carries at most {MAX_ATTACHMENTS} pictures.", file.name()));
                continue;
            }
            let draft = self.clone();
            // The conversation may not be on the screen any more.
            let on_stored = move |chosen: &Chosen, id| {
                untrack(|| draft.keep());
                draft.look(chosen, id);
            };
            match Chosen::take(file, on_stored).await {
                Ok(chosen) => {
                    // Before it is there: nothing else may be about to happen to it.
                    if chosen.linked().is_some() && self.link.read_untracked().is_none() {
                        self.link.set(Some(LinkOptions::default()));
                    }
                    self.chosen.update(|all| all.push(chosen));
                }
                Err(reason) => refused.push(reason),
            }
        }
        refused
    }

    /// Takes a picture out again.
    pub fn remove(&self, key: &str) {
        let gone = self
            .chosen
            .try_update(|all| all.iter().position(|chosen| chosen.key == key).map(|at| all.remove(at)));
        if let Some(Some(gone)) = gone {
            gone.drop_it(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::conversation_of;
    use model::ConversationId;

    #[test]
    fn a_text_or_pictures_make_a_draft_and_a_way_alone_does_not() {
        let id = ConversationId(Default::default());
        assert_eq!(conversation_of(&id.to_string()), Some(id));
        assert_eq!(conversation_of(&format!("{id}.pictures")), Some(id));
        assert_eq!(conversation_of(&format!("{id}.link")), None);
    }
}
