//! Files on their way in: multipart, streamed to the backend piece by piece, never whole in memory.

use crate::App;
use crate::failure::Problem;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use backend::media::upload::Incoming;
use bytes::Bytes;
use futures::StreamExt;
use model::media::human_bytes;
use model::{Failure, FailureCode};
use std::io;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that may wait for the blob store before the sender has to.
const PIECES_UNDERWAY: usize = 4;

/// Room for the boundaries and the small fields around the file.
const AROUND_THE_FILE: u64 = 64 * 1024;

/// Bytes of a small field, at most.
const FIELD_BYTES: usize = 64 * 1024;

/// Small fields in a form, at most.
const FIELDS: usize = 20;

/// A refused upload is read on to this many bytes, so that its sender hears the answer instead of a broken connection.
const READ_ON_BYTES: usize = 64 * 1024 * 1024;

/// A multipart form in which files are streamed.
pub(crate) struct Form(Multipart);

impl FromRequest<App> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let most = app.backend.settings.max_media_bytes;
        if announced_length(request.headers())
            .is_some_and(|length| length > most.saturating_add(AROUND_THE_FILE))
        {
            return Err(too_large(most));
        }
        Multipart::from_request(request, app).await.map(Self).map_err(|_| {
            Problem::new(
                FailureCode::UnsupportedMedia,
                "Send the file as multipart/form-data, in a field named file.",
            )
        })
    }
}

/// What came next in a form.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub(crate) enum Part<'a> {
    /// A small field.
    Text(String, String),
    /// A file, to be taken in with [`stream`].
    File(Field<'a>),
}

impl Form {
    /// The next field, `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Part<'_>>, Problem> {
        let Some(mut field) = self.0.next_field().await.map_err(broken)? else { return Ok(None) };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" || field.file_name().is_some() {
            return Ok(Some(Part::File(field)));
        }
        let mut text = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(broken)? {
            text.extend_from_slice(&piece);
            if text.len() > FIELD_BYTES {
                return Err(Problem::field(&name, "This field is too long."));
            }
        }
        let text =
            String::from_utf8(text).map_err(|_| Problem::field(&name, "Write this field in UTF-8."))?;
        Ok(Some(Part::Text(name, text)))
    }

    /// Takes in the form's one file, with the fields that come before it.
    pub(crate) async fn only_file<T>(
        mut self,
        store: impl AsyncFnOnce(Vec<(String, String)>, Incoming) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut fields = Vec::new();
        while let Some(part) = self.next().await? {
            match part {
                Part::Text(name, text) => fields.push((name, text)),
                Part::File(file) => {
                    return stream(file, async move |incoming| store(fields, incoming).await).await;
                }
            }
            if fields.len() > FIELDS {
                return Err(Problem::field("file", "The form has too many fields."));
            }
        }
        Err(Problem::field(
            "file",
            "The form has no file; send it in a field named file, after the other fields.",
        ))
    }
}

/// Hands a file to `store` while it arrives. A sender that breaks off is an error of the stream.
pub(crate) async fn stream<T>(
    mut file: Field<'_>,
    store: impl AsyncFnOnce(Incoming) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let (pieces, arriving) = mpsc::channel::<io::Result<Bytes>>(PIECES_UNDERWAY);
    let file_name = file.file_name().filter(|name| !name.is_empty()).unwrap_or("file").to_owned();
    let incoming = Incoming { file_name, body: ReceiverStream::new(arriving).boxed() };
    let read = async {
        let mut broke_off = None;
        loop {
            match file.chunk().await {
                Ok(Some(piece)) => {
                    if pieces.send(Ok(piece)).await.is_err() {
                        // Refused already.
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    // Whoever refused it already does not need to hear.
                    let _ = pieces.send(Err(io::Error::other("the sender broke off"))).await;
                    broke_off = Some(broken(error));
                    break;
                }
            }
        }
        drop(pieces);
        broke_off
    };
    let (broke_off, stored) = tokio::join!(read, store(incoming));
    match (broke_off, stored) {
        (Some(problem), Err(_)) => Err(problem),
        (_, Err(problem)) => {
            read_on(file).await;
            Err(problem)
        }
        (_, Ok(stored)) => Ok(stored),
    }
}

/// Reads a refused file on, for its sender's sake.
pub(crate) async fn read_on(mut file: Field<'_>) {
    let mut read = 0;
    while let Ok(Some(piece)) = file.chunk().await {
        read += piece.len();
        if read > READ_ON_BYTES {
            break;
        }
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(most: u64) -> Problem {
    Problem::new(
        FailureCode::TooLarge,
        format!("The file is too large. At most {} can be taken.", human_bytes(most)),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn broken(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(FailureCode::TooLarge, "The form is too large.");
    }
    Failure::new(FailureCode::BrokenMedia, "The upload broke off before it was complete. Nothing was kept.")
        .into()
}
