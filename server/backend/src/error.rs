//! What can go wrong inside, and the one place where it becomes what a caller may know.

use crate::keys::SealBroken;
use crate::media::blobs::BlobError;
use crate::store::StoreError;
use model::{Failure, FailureCode};

/// An error of the backend. It keeps its causes and knows nothing of HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something the caller can act on.
    #[error("{}", .0.code)]
    Failure(#[from] Failure),
    /// The database failed.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The blob store failed.
    #[error("blobs: {0}")]
    Blobs(#[from] BlobError),
    /// A sealed value did not open.
    #[error(transparent)]
    Seal(#[from] SealBroken),
    /// Something that the code takes as impossible, without personal data.
    #[error("inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// The backend's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A wrong input, by its name in the request.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Failure::field(field, message).into()
    }

    /// It does not exist, or belongs to another organisation; the two are told alike. `what` is a word for people.
    pub fn not_found(what: &str) -> Self {
        Failure::new(FailureCode::NotFound, format!("This {what} does not exist (any more).")).into()
    }

    /// Whether the database or the blob store cannot be reached at the moment, or a blob cannot be read, so that the same
    /// may work later.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_))
                | Self::Blobs(BlobError::Unavailable(_) | BlobError::Unreadable(_))
        )
    }

    /// A failure of another kind.
    pub fn failure(code: FailureCode, message: impl Into<String>) -> Self {
        Failure::new(code, message).into()
    }
}

impl From<Error> for Failure {
    /// Logs what the caller must not see, once, under a reference that the caller does see.
    fn from(error: Error) -> Self {
        match error {
            Error::Failure(failure) => failure,
            Error::Blobs(BlobError::Unreadable(why)) => {
                tracing::error!(why, "a photo or file cannot be read");
                Self::new(
                    FailureCode::Unavailable,
                    "This photo or file cannot be read at the moment. Tell whoever runs the server; heliograph doctor says why.",
                )
            }
            error if error.is_outage() => {
                tracing::error!(%error, "storage is unavailable");
                Self::new(
                    FailureCode::Unavailable,
                    "The server cannot reach its storage at the moment. Nothing was changed; try again in a minute.",
                )
            }
            other => {
                let reference = hex::encode(crate::clock::random_bytes::<4>());
                tracing::error!(error = %other, reference, "a request failed");
                Self::new(
                    FailureCode::Internal,
                    format!(
                        "Something went wrong on the server. Try again; if it stays, tell your administrator the reference {reference}."
                    ),
                )
            }
        }
    }
}
