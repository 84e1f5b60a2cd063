//! From the bytes of a HEIC file to the pixels of its preview.

use heifer::heifer_hevc_dec::Error as Hevc;
use heifer::heifer_isobmff::{Error as Container, HeifFile};
use heifer::{Error, Image, Options};

use crate::colour::Conversion;
use crate::container;
use crate::reduced;
use crate::shrink::shrink;

/// What a file may ask of the browser before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file in bytes.
    pub bytes: usize,
    /// Pixels of the picture, and of each part that it is assembled from.
    pub pixels: u64,
}

impl Default for Limits {
    /// 60 MB and 100 megapixels: twice what phones make today; four bytes for each of those
    /// pixels, twice over while turning, still fit a 32-bit memory.
    fn default() -> Self {
        Self { bytes: 60_000_000, pixels: 100_000_000 }
    }
}

/// A picture to be painted: upright, in sRGB, opaque (transparency lies on white).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    /// Four bytes a pixel (red, green, blue, 255), row by row.
    pub rgba: Vec<u8>,
}

/// Why there is no picture. The numbers are those that `worker.js` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Refusal {
    /// The file embeds no thumbnail that shows the picture as the picture itself would look.
    NoThumbnail = 1,
    /// A sound file in a coding that this decoder does not know, or no HEIC at all.
    Unsupported = 2,
    /// More bytes or pixels than [`Limits`] allows.
    TooLarge = 3,
    /// The file contradicts itself or ends early.
    Broken = 4,
}

/// Decodes the embedded thumbnail: about 2 ms where the whole picture takes half a second.
///
/// `cover` is the side, in pixels, of the square box to be filled: of several thumbnails the
/// smallest that fills it is taken, else the largest. The file's bytes are changed on the way
/// and put back.
///
/// # Errors
/// [`Refusal::NoThumbnail`] where the whole has to be decoded; the others as they are named.
pub fn thumbnail(file: &mut [u8], cover: u32, limits: Limits) -> Result<Pixels, Refusal> {
    let (primary, thumbnail) = {
        let heif = open(file, limits)?;
        let thumbnail = container::thumbnail(&heif, cover).ok_or(Refusal::NoThumbnail)?;
        (heif.primary_id, thumbnail)
    };
    // The decoder converts only the primary item to sRGB, so for a moment the thumbnail is it.
    let place = container::primary_item_field(file).ok_or(Refusal::NoThumbnail)?;
    if !place.write(file, thumbnail) {
        return Err(Refusal::NoThumbnail);
    }
    let decoded = decode(file, limits);
    place.write(file, primary);
    // A damaged thumbnail says nothing about the picture.
    let image = decoded.map_err(|_| Refusal::NoThumbnail)?;
    Ok(opaque(image, cover))
}

/// Decodes the whole picture and shrinks it by whole factors, as far as a square box with sides
/// of `cover` pixels stays covered.
///
/// # Errors
/// Never [`Refusal::NoThumbnail`].
pub fn whole(file: &[u8], cover: u32, limits: Limits) -> Result<Pixels, Refusal> {
    let heif = open(file, limits)?;
    container::check_size(&heif, limits.pixels)?;
    let image = match reduced::decode(&heif, cover, limits.pixels) {
        Some(small) => small?,
        None => decode(file, limits)?,
    };
    Ok(opaque(image, cover))
}

fn open(file: &[u8], limits: Limits) -> Result<HeifFile<'_>, Refusal> {
    if file.len() > limits.bytes {
        return Err(Refusal::TooLarge);
    }
    let heif = HeifFile::parse(file).map_err(|error| match error {
        _ if heifer::check_file_type(file) == heifer::FileTypeResult::No => Refusal::Unsupported,
        error => Error::Container(error).into(),
    })?;
    Ok(heif)
}

fn decode(file: &[u8], limits: Limits) -> Result<Image<u8>, Refusal> {
    let options = Options { max_threads: 1, max_pixels: limits.pixels };
    let heif = open(file, limits)?;
    let part = heif.referenced_items(heif.primary_id, b"dimg").first().copied().unwrap_or(heif.primary_id);
    if let Some(conversion) = Conversion::of(&heif, heif.primary_id, part) {
        let mut image = heifer::decode_rgba8(file, &options)?;
        conversion.apply(&mut image.data);
        return Ok(image);
    }
    match heifer::decode_srgb_rgba8(file, &options) {
        // An odd profile or an HDR transfer: colours that are a little off beat no preview.
        Err(Error::Unsupported(_)) => Ok(heifer::decode_rgba8(file, &options)?),
        decoded => Ok(decoded?),
    }
}

fn opaque(image: Image<u8>, cover: u32) -> Pixels {
    let (width, height, mut rgba) = shrink(image.width, image.height, image.data, cover);
    if image.has_alpha {
        for pixel in rgba.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            for channel in &mut pixel[..3] {
                *channel = ((u32::from(*channel) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            }
            pixel[3] = 255;
        }
    }
    Pixels { width, height, rgba }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Unsupported(_)
            | Error::Container(Container::Unimplemented(_))
            | Error::Hevc(Hevc::Unimplemented(_)) => Self::Unsupported,
            _ => Self::Broken,
        }
    }
}
