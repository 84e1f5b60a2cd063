//! From the bytes of an original to pixels, whatever the type.

mod heic;
mod jpeg;
mod raster;

use moxcms::ColorProfile;
use picture::{Orientation, PictureKind, Size};

use crate::wire::{Failure, HeicDecoder, Request};

/// A decoded original: perhaps smaller than it is, not yet upright, not yet sRGB.
pub(crate) struct Decoded {
    /// Size of the original, upright.
    pub(crate) original: Size,
    pub(crate) raster: Raster,
    /// What is left to do to stand upright.
    pub(crate) orientation: Orientation,
    /// The pixels' colour space; `None` for sRGB.
    pub(crate) profile: Option<ColorProfile>,
}

pub(crate) struct Raster {
    pub(crate) size: Size,
    pub(crate) pixels: Pixels,
}

/// Eight bits a channel, rows without gaps.
pub(crate) enum Pixels {
    Rgb(Vec<u8>),
    Gray(Vec<u8>),
    /// Ink; 255 is all of it, or none of it where `inverted` (as Adobe's programs write).
    Cmyk {
        data: Vec<u8>,
        inverted: bool,
    },
    /// Luma, blue and red difference, each with a size of its own, as JPEG and HEIC store them: scaling
    /// three small planes and converting few pixels, or none, takes half the time of converting all
    /// pixels first.
    Ycc {
        planes: [Plane; 3],
        matrix: Matrix,
    },
}

pub(crate) struct Plane {
    pub(crate) size: Size,
    /// How many columns and rows belong to the picture, perhaps with a part of the last one; what lies
    /// to the right and below is padding.
    pub(crate) seen: (f64, f64),
    pub(crate) data: Vec<u8>,
}

impl Plane {
    /// A plane of a picture of that size whose every sample stands for so many `columns` and `rows`.
    pub(crate) fn new(data: Vec<u8>, size: Size, picture: Size, (columns, rows): (u32, u32)) -> Self {
        let seen =
            |picture: u32, step: u32, stored: u32| (f64::from(picture) / f64::from(step)).min(stored.into());
        let seen = (seen(picture.width, columns, size.width), seen(picture.height, rows, size.height));
        Self { size, seen, data }
    }
}

/// How luma and colour differences become RGB (ITU-T H.273, table 4 and equations 38 to 43).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) red_weight: f32,
    pub(crate) blue_weight: f32,
    pub(crate) full_range: bool,
}

impl Matrix {
    /// The one of every JPEG (ITU-T T.871, clause 7).
    pub(crate) const JPEG: Self = Self { red_weight: 0.299, blue_weight: 0.114, full_range: true };
}

/// Decodes an original far enough for the wanted copies.
pub(crate) fn decode(
    kind: PictureKind,
    file: &[u8],
    request: &Request,
    heic_decoder: HeicDecoder,
) -> Result<Decoded, Failure> {
    // The largest size that any copy has, for an upright original of that size.
    let enough = |original: Size| {
        let longest = request.wanted.iter().map(|wanted| wanted.budget(original).longest).max();
        original.fit_within(longest.unwrap_or(1))
    };
    match kind {
        PictureKind::Jpeg => jpeg::decode(file, enough),
        PictureKind::Png | PictureKind::Gif | PictureKind::Webp => raster::decode(kind, file),
        PictureKind::Heic => heic::decode(file, heic_decoder, request.threads),
    }
}

fn within_limits(size: Size) -> Result<Size, Failure> {
    if size.width == 0 || size.height == 0 {
        Err(Failure::Broken("no pixels".to_owned()))
    } else if size.is_within_limits() {
        Ok(size)
    } else {
        Err(Failure::TooLarge(format!("{size} pixels")))
    }
}

/// Lays pixels with an alpha channel (the last of `N + 1` channels) on white, and drops it.
fn on_white<const N: usize>(pixels: &[u8], premultiplied: bool) -> Vec<u8> {
    let mut opaque = Vec::with_capacity(pixels.len() / (N + 1) * N);
    for pixel in pixels.chunks_exact(N + 1) {
        let alpha = u32::from(pixel[N]);
        opaque.extend(pixel[..N].iter().map(|&value| {
            let value = u32::from(value);
            let covered = if premultiplied { value } else { (value * alpha + 127) / 255 };
            u8::try_from((covered + 255 - alpha).min(255)).unwrap_or(255)
        }));
    }
    opaque
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_white_half_is_between_all_is_itself() {
        let pixels = [10, 20, 30, 0, 100, 0, 255, 128, 1, 2, 3, 255];
        assert_eq!(on_white::<3>(&pixels, false), [255, 255, 255, 177, 127, 255, 1, 2, 3]);
        assert_eq!(on_white::<1>(&[40, 128, 7, 255], true), [167, 7]);
    }
}
