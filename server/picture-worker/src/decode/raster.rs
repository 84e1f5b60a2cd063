//! PNG, GIF and WebP, by the `image` crate. Of an animation, the first frame.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use picture::{MAX_SIDE, Orientation, PictureKind, Size};

use super::{Decoded, Pixels, Raster, on_white, within_limits};
use crate::colour;
use crate::wire::Failure;

/// Most memory for the decoded pixels, which leaves room for a second form of them.
const MAX_DECODED_BYTES: u64 = 700 * 1024 * 1024;

pub(super) fn decode(kind: PictureKind, file: &[u8]) -> Result<Decoded, Failure> {
    let format = match kind {
        PictureKind::Gif => ImageFormat::Gif,
        PictureKind::Webp => ImageFormat::WebP,
        _ => ImageFormat::Png,
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let stored = within_limits(Size { width, height })?;
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(Failure::TooLarge(format!("{} bytes decoded", decoder.total_bytes())));
    }
    // A profile that cannot be read is as good as none.
    let icc = decoder.icc_profile().ok().flatten().unwrap_or_default();
    let orientation = Orientation::of(kind, file);
    let pixels = match DynamicImage::from_decoder(decoder).map_err(refused)? {
        DynamicImage::ImageRgb8(rgb) => Pixels::Rgb(rgb.into_raw()),
        DynamicImage::ImageRgba8(rgba) => Pixels::Rgb(on_white::<3>(&rgba, false)),
        DynamicImage::ImageLuma8(gray) => Pixels::Gray(gray.into_raw()),
        DynamicImage::ImageLumaA8(gray) => Pixels::Gray(on_white::<1>(&gray, false)),
        gray @ DynamicImage::ImageLuma16(_) => Pixels::Gray(gray.into_luma8().into_raw()),
        rgb @ DynamicImage::ImageRgb16(_) => Pixels::Rgb(rgb.into_rgb8().into_raw()),
        other => Pixels::Rgb(on_white::<3>(&other.into_rgba8(), false)),
    };
    Ok(Decoded {
        original: orientation.apply_to_size(stored),
        raster: Raster { size: stored, pixels },
        orientation,
        profile: colour::profile(&icc),
    })
}

fn refused(error: ImageError) -> Failure {
    match error {
        ImageError::Limits(limit) => Failure::TooLarge(limit.to_string()),
        ImageError::Unsupported(what) => Failure::Unsupported(what.to_string()),
        other => Failure::broken(other),
    }
}
