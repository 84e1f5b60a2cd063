//! Sending and receiving by patient, and filing what came.

use crate::failure::{Asked, Body, Id, Problem};
use crate::rest::conversations::{MediaChoice, Turn};
use crate::session::{Asker, Reply};
use crate::uploads::Form;
use backend::{conversations, images, media, patients};
use model::conversation::ThreadSlice;
use model::link::LinkOptions;
use model::media::{Category, UploadedMedia};
use model::message::{Channel, MessageView, Recipient};
use model::patient::{PatientView, SavedImage};
use model::phone::Country;
use model::whatsapp::TemplateChoice;
use model::{AttachmentId, ConversationId, LineId, MessageId, PatientId, PatientImageId, PhoneNumber};
use serde::{Deserialize, Serialize};

/// A file in a form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form; the bytes are streamed")]
pub(crate) struct UploadForm {
    /// A picture (JPEG, PNG, GIF, WebP, HEIC or HEIF), or a PDF, MP4, MOV, WebM, M4A or MP3, by its bytes.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Stores a file for sending. The original is kept as it came. What is no picture can only be sent with `link`.
#[utoipa::path(
    post, path = "/api/sms/upload-media", tag = "sms",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = UploadedMedia), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn upload_media(asker: Asker, form: Form) -> Result<Reply<UploadedMedia>, Problem> {
    let uploaded = form
        .only_file(async |_, file| Ok(media::upload::upload(asker.backend(), &asker.caller, file).await?))
        .await?;
    Ok(asker.created(uploaded))
}

/// A message to a patient.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct SendInput {
    /// One of the patient's numbers, in any format; without it, the first one.
    #[serde(default)]
    phone_number: Option<String>,
    /// The text; may be empty when there are pictures.
    #[serde(default)]
    message: String,
    /// Pictures uploaded before, in the order to show.
    #[serde(default)]
    media_ids: Vec<AttachmentId>,
    /// In place of `media_ids`: the `media_url` of an upload, or an https address that the picture is fetched from.
    #[serde(default)]
    media_url: Option<String>,
    /// The files stay here, and a private link to them goes with the text. Needed for whatever is no picture.
    #[serde(default)]
    link: Option<LinkOptions>,
    /// Chosen by the caller; the same one again answers with the same message and sends nothing.
    #[serde(default)]
    client_id: Option<String>,
    /// Through this line, although the patient may know another one and will see its number; one of the conversation's
    /// `can_send.offers`. Without it through the line that they know.
    #[serde(default)]
    line_id: Option<LineId>,
    /// `whatsapp`, or `sms` or `mms`, whichever of the two the pictures ask for. Without it the way that the patient wrote
    /// last, where the line can. What cannot go this way is refused, and goes no other way by itself.
    #[serde(default)]
    channel: Option<Channel>,
    /// In place of text and pictures: a template that WhatsApp has approved, see `/api/whatsapp-templates`.
    #[serde(default)]
    template: Option<TemplateChoice>,
    /// Not offered yet; a message with it is refused.
    #[serde(default)]
    send_at: Option<i64>,
}

/// Sends a message to a patient.
#[utoipa::path(
    post, path = "/api/sms/patient/{patient_id}/send", tag = "sms", request_body = SendInput,
    params(("patient_id" = PatientId, Path)),
    responses(
        (status = 201, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn send(
    asker: Asker,
    Id(patient): Id<PatientId>,
    Body(input): Body<SendInput>,
) -> Result<Reply<MessageView>, Problem> {
    if input.send_at.is_some() {
        return Err(Problem::field(
            "send_at",
            "Messages cannot be sent later yet. Leave send_at out to send now.",
        ));
    }
    let patient = patients::get(asker.backend(), &asker.caller, patient).await?;
    let to = Recipient::Number(number_of(&asker, &patient, input.phone_number.as_deref()).await?);
    let media = MediaChoice { media_ids: input.media_ids, media_url: input.media_url };
    let turn = Turn {
        message: input.message,
        media,
        link: input.link,
        client_id: input.client_id,
        line_id: input.line_id,
        channel: input.channel,
        template: input.template,
    };
    let sent = turn.send(&asker, &to).await?;
    Ok(asker.created(sent))
}

/// The patient's number that is meant. One that is not in the record is refused: a typing error must not reach a
/// stranger.
async fn number_of(
    asker: &Asker,
    patient: &PatientView,
    asked: Option<&str>,
) -> Result<PhoneNumber, Problem> {
    let mut own = patient.numbers.iter().map(|entry| &entry.number);
    let number = match asked.filter(|text| !text.trim().is_empty()) {
        None => own.next(),
        Some(text) => {
            let organisation = backend::organisations::get(asker.backend(), &asker.caller).await?;
            let home = Country::from_code(&organisation.country).unwrap_or(Country::AU);
            let asked = PhoneNumber::parse(text, home)
                .map_err(|error| Problem::field("phone_number", error.to_string()))?;
            own.find(|number| **number == asked)
        }
    };
    number.cloned().ok_or_else(|| {
        let message = "This is not a number of this patient. Add it to the record first.";
        Problem::field(
            "phone_number",
            if patient.numbers.is_empty() {
                "This patient has no number yet. Add one to the record first."
            } else {
                message
            },
        )
    })
}

/// Which stretch of a thread.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ThreadQuery {
    /// One of the patient's numbers; without it, the first one that has messages.
    phone_number: Option<String>,
    /// `older` of the previous answer: what came before it.
    older: Option<String>,
    /// `newer` of the previous answer: what came after it.
    newer: Option<String>,
    /// A message in the middle.
    #[param(value_type = Option<String>)]
    around: Option<MessageId>,
}

/// A patient's thread, oldest first, 50 messages; the newest ones without a cursor.
#[utoipa::path(
    get, path = "/api/sms/patient/{patient_id}/messages", tag = "sms",
    params(("patient_id" = PatientId, Path), ThreadQuery),
    responses((status = 200, body = ThreadSlice), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn messages(
    asker: Asker,
    Id(patient): Id<PatientId>,
    Asked(query): Asked<ThreadQuery>,
) -> Result<Reply<ThreadSlice>, Problem> {
    let patient = patients::get(asker.backend(), &asker.caller, patient).await?;
    let conversation: Option<ConversationId> = match query.phone_number.as_deref() {
        None => patient.numbers.iter().find_map(|entry| entry.conversation_id),
        asked => {
            let number = number_of(&asker, &patient, asked).await?;
            patient.numbers.iter().find(|entry| entry.number == number).and_then(|e| e.conversation_id)
        }
    };
    let Some(conversation) = conversation else {
        // Nobody has written yet.
        return Ok(asker.reply(ThreadSlice { messages: Vec::new(), older: None, newer: None }));
    };
    let from = super::conversations::thread_from(query.older, query.newer, query.around);
    Ok(asker.reply(conversations::thread(asker.backend(), &asker.caller, conversation, &from).await?))
}

/// Whose record is asked about.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SavedQuery {
    /// The patient.
    #[param(value_type = String)]
    patient_id: PatientId,
}

/// Whether a message's photo stands in a record.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct IsSaved {
    /// It does.
    is_saved: bool,
    /// The filed photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<PatientImageId>,
}

/// Whether a message's photo stands in a patient's record.
#[utoipa::path(
    get, path = "/api/sms/mms/{message_id}/is-saved", tag = "sms",
    params(("message_id" = MessageId, Path), SavedQuery),
    responses((status = 200, body = IsSaved), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn is_saved(
    asker: Asker,
    Id(message): Id<MessageId>,
    Asked(SavedQuery { patient_id }): Asked<SavedQuery>,
) -> Result<Reply<IsSaved>, Problem> {
    let image_id = images::filed(asker.backend(), &asker.caller, message, patient_id).await?;
    Ok(asker.reply(IsSaved { is_saved: image_id.is_some(), image_id }))
}

/// Where to file a photo.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct FileInput {
    /// Whose record.
    patient_id: PatientId,
    /// Under what.
    category: Category,
    /// Which of the message's pictures; may be left out when it has one.
    #[serde(default)]
    attachment_id: Option<AttachmentId>,
}

/// Files a message's photo in a record. A second time it answers 200 with the first one's id.
#[utoipa::path(
    post, path = "/api/sms/mms/{message_id}/save-to-images", tag = "sms", request_body = FileInput,
    params(("message_id" = MessageId, Path)),
    responses(
        (status = 201, body = SavedImage), (status = 200, body = SavedImage), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn save_to_images(
    asker: Asker,
    Id(message): Id<MessageId>,
    Body(FileInput { patient_id, category, attachment_id }): Body<FileInput>,
) -> Result<Reply<SavedImage>, Problem> {
    let (backend, caller) = (asker.backend(), &asker.caller);
    let saved = images::file(backend, caller, message, attachment_id, patient_id, category).await?;
    Ok(if saved.already_saved { asker.reply(saved) } else { asker.created(saved) })
}
