//! Patients and the photos in their record.

use crate::conversation::PatientName;
use crate::media::Category;
use crate::{AttachmentId, ConversationId, MessageId, Millis, PatientId, PatientImageId, PhoneNumber};
use serde::{Deserialize, Serialize};

/// A patient's record, as staff and API callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatientView {
    /// The patient.
    pub id: PatientId,
    /// Full name, as the organisation writes it.
    pub name: String,
    /// Date of birth, `YYYY-MM-DD`, if known.
    pub born: Option<String>,
    /// The organisation's own number for this person, if it has one.
    pub reference: Option<String>,
    /// Free text of the organisation.
    pub notes: String,
    /// In the order to offer them; the first is the one to write to.
    pub numbers: Vec<PatientNumber>,
    /// When the record was made.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub created_at: Millis,
}

/// One of a patient's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatientNumber {
    /// The number.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub number: PhoneNumber,
    /// `Mobile`, `Daughter`, …; may be empty.
    pub label: String,
    /// The conversation with this number, once there is one.
    pub conversation_id: Option<ConversationId>,
}

/// What staff type into a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatientInput {
    /// Full name; 1 to 200 characters.
    pub name: String,
    /// Date of birth, `YYYY-MM-DD`.
    #[serde(default)]
    pub born: Option<String>,
    /// The organisation's own number for this person.
    #[serde(default)]
    pub reference: Option<String>,
    /// Free text, at most 4000 characters.
    #[serde(default)]
    pub notes: String,
    /// As people write them; read in the organisation's country.
    #[serde(default)]
    pub numbers: Vec<NumberInput>,
}

/// What to change in a record; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatientChange {
    /// As in [`PatientInput`].
    pub name: Option<String>,
    /// `Some(None)` takes it out.
    pub born: Option<Option<String>>,
    /// `Some(None)` takes it out.
    pub reference: Option<Option<String>>,
    /// As in [`PatientInput`].
    pub notes: Option<String>,
    /// All of them.
    pub numbers: Option<Vec<NumberInput>>,
}

/// A number as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberInput {
    /// As people write it.
    pub number: String,
    /// May be empty.
    #[serde(default)]
    pub label: String,
}

/// A row of the list of patients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatientRow {
    /// Who.
    pub patient: PatientName,
    /// The number to write to, if there is one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub number: Option<PhoneNumber>,
    /// Photos in the record.
    pub images: u32,
}

/// A photo filed in a patient's record. Links are short-lived and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatientImageView {
    /// The filed photo.
    pub id: PatientImageId,
    /// Whose record.
    pub patient: PatientName,
    /// Under what.
    pub category: Category,
    /// A remark, may be empty.
    pub caption: String,
    /// As its sender named it.
    pub file_name: String,
    /// By its bytes.
    pub media_type: String,
    /// Bytes of the original.
    pub byte_size: u64,
    /// Upright, in pixels.
    pub width: Option<u32>,
    /// Upright, in pixels.
    pub height: Option<u32>,
    /// When it was filed.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub filed_at: Millis,
    /// Who filed it.
    pub filed_by: Option<String>,
    /// Where it came from.
    pub source: ImageSource,
    /// The tile rendition; absent while it is made.
    pub tile_url: Option<String>,
    /// The screen rendition; absent while it is made.
    pub screen_url: Option<String>,
    /// The untouched original, as a download.
    pub original_url: String,
}

/// Where a filed photo came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ImageSource {
    /// From a message.
    Message {
        /// The message.
        message_id: MessageId,
        /// Its conversation.
        conversation_id: ConversationId,
        /// The attachment.
        attachment_id: AttachmentId,
        /// When the message came or went.
        #[cfg_attr(feature = "openapi", schema(value_type = i64))]
        at: Millis,
    },
    /// Uploaded to the record directly.
    Upload,
}

/// Answer to filing a photo; field names are those of the public API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavedImage {
    /// The filed photo: the first one's, when it was filed before.
    pub image_id: PatientImageId,
    /// It stood in this record already.
    pub already_saved: bool,
}
