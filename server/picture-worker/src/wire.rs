//! What parent and child say to each other.
//!
//! The parent starts the child with two arguments, [`SUBCOMMAND`] and the name of a [`HeicDecoder`], and a
//! socket as standard input. Through it comes, once, a [`Request`] as JSON together with the opened original
//! ([`crate::handover`]). The child answers on its standard output with one line of JSON, an [`Answer`],
//! followed by the bytes of the renditions in the order of the request.

use picture::{Budget, PictureKind, Size};
use serde::{Deserialize, Serialize};

/// The hidden subcommand with which the server's program becomes the child.
pub const SUBCOMMAND: &str = "picture-worker";

/// What a copy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The small square in a list or a thread; cut to a square by whoever shows it.
    Tile,
    /// What the viewer shows.
    Screen,
    /// What leaves for a carrier.
    Carrier,
}

/// The size of a copy, kept to the original's shape. Never larger than the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// No side longer than this, in pixels.
    Within(u32),
    /// No side shorter than this, in pixels, so that a square of it is sharp. A panorama is held to
    /// four times as much on its long side.
    Cover(u32),
}

/// One copy to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedRendition {
    /// What it is for.
    pub role: Role,
    /// Its size.
    pub shape: Shape,
    /// Most bytes of the file. Quality goes down from 85 to 50 to keep to it, then the sides.
    pub bytes: usize,
}

/// The copies to make of one original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(pub Vec<WantedRendition>);

impl Wanted {
    /// Tile (200 pixels), screen (1600 pixels) and the carrier copy.
    #[must_use]
    pub fn usual(carrier: Budget) -> Self {
        Self(vec![
            WantedRendition { role: Role::Tile, shape: Shape::Cover(200), bytes: 100_000 },
            WantedRendition { role: Role::Screen, shape: Shape::Within(1600), bytes: 2_000_000 },
            carrier.into(),
        ])
    }

    /// Only a copy for a carrier with these limits.
    #[must_use]
    pub fn carrier(budget: Budget) -> Self {
        Self(vec![budget.into()])
    }
}

impl From<Budget> for WantedRendition {
    fn from(budget: Budget) -> Self {
        Self { role: Role::Carrier, shape: Shape::Within(budget.longest), bytes: budget.bytes }
    }
}

impl WantedRendition {
    /// Size and weight of this copy of an original of that upright size.
    pub(crate) fn budget(self, original: Size) -> Budget {
        let longest = match self.shape {
            Shape::Within(longest) => longest,
            Shape::Cover(side) => original.cover(side).longest().min(side.saturating_mul(4)),
        };
        Budget::new(longest, self.bytes)
    }
}

/// Which code decodes HEIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeicDecoder {
    /// libheif with libde265: fast, in C++.
    Libheif,
    /// Safe Rust; tried where the first fails or dies.
    Heifer,
}

impl HeicDecoder {
    /// The child's second argument.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Libheif => "libheif",
            Self::Heifer => "heifer",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Libheif, Self::Heifer].into_iter().find(|decoder| decoder.as_str() == word)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) wanted: Vec<WantedRendition>,
    /// Threads that a decoder may use, at least 1.
    pub(crate) threads: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Developed(Header),
    Failed(Failure),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Of the original, upright.
    pub(crate) width: u32,
    pub(crate) height: u32,
    #[serde(with = "media_type")]
    pub(crate) kind: PictureKind,
    pub(crate) renditions: Vec<RenditionHeader>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RenditionHeader {
    pub(crate) role: Role,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: usize,
}

/// Why the child made nothing. The detail is for the log; it never quotes the picture's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", content = "detail", rename_all = "snake_case")]
pub(crate) enum Failure {
    Unsupported(String),
    TooLarge(String),
    Broken(String),
}

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
    pub(crate) fn broken(cause: impl ToString) -> Self {
        Self::Broken(cause.to_string())
    }
}

mod media_type {
    use picture::PictureKind;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(kind: &PictureKind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.media_type())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PictureKind, D::Error> {
        let text = String::deserialize(from)?;
        PictureKind::from_media_type(&text).ok_or_else(|| D::Error::custom("not a media type of a picture"))
    }
}
