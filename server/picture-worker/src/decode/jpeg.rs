//! JPEG, by libjpeg-turbo.

use picture::{Orientation, PictureKind, Size, jpeg_segments};
use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Error, Image, PixelFormat, ScalingFactor, Subsamp, YuvImage,
};

use super::{Decoded, Matrix, Pixels, Plane, Raster, within_limits};
use crate::colour;
use crate::wire::Failure;

/// More scans than any program writes. Each costs the time of the whole picture, so a small file
/// could keep a processor busy with thousands.
const MAX_SCANS: u32 = 200;

/// Decodes at the smallest of 1/8, 1/4, 1/2 and 1 that is still as large as `enough` makes of the
/// original's upright size: that saves most of the time.
pub(super) fn decode(file: &[u8], enough: impl Fn(Size) -> Size) -> Result<Decoded, Failure> {
    let mut decompressor = Decompressor::new().map_err(Failure::broken)?;
    decompressor.set_scan_limit(MAX_SCANS).map_err(Failure::broken)?;
    let header = decompressor.read_header(file).map_err(|error| refused(&error))?;
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let stored = within_limits(Size { width: side(header.width), height: side(header.height) })?;
    let orientation = Orientation::of(PictureKind::Jpeg, file);
    let original = orientation.apply_to_size(stored);

    // Turning a size twice by a quarter gives it back, so this is the stored orientation again.
    let target = orientation.apply_to_size(enough(original));
    let factor = [ScalingFactor::ONE_EIGHTH, ScalingFactor::ONE_QUARTER, ScalingFactor::ONE_HALF]
        .into_iter()
        .filter(|_| !header.is_lossless)
        .find(|factor| {
            factor.scale(header.width) >= target.width as usize
                && factor.scale(header.height) >= target.height as usize
        })
        .unwrap_or(ScalingFactor::ONE);
    decompressor.set_scaling_factor(factor).map_err(Failure::broken)?;

    let header = header.scaled(factor);
    let size = Size { width: side(header.width), height: side(header.height) };
    let pixels = match (header.colorspace, header.subsamp) {
        (Colorspace::YCbCr, subsamp)
            if !matches!(subsamp, Subsamp::Unknown | Subsamp::Gray) && !header.is_lossless =>
        {
            planes(&mut decompressor, file, &header, size)?
        }
        (Colorspace::Gray, _) => Pixels::Gray(packed(&mut decompressor, file, &header, PixelFormat::GRAY)?),
        (Colorspace::CMYK | Colorspace::YCCK, _) => Pixels::Cmyk {
            data: packed(&mut decompressor, file, &header, PixelFormat::CMYK)?,
            inverted: is_from_adobe(file),
        },
        _ => Pixels::Rgb(packed(&mut decompressor, file, &header, PixelFormat::RGB)?),
    };
    Ok(Decoded {
        original,
        raster: Raster { size, pixels },
        orientation,
        profile: colour::profile(&icc(file)),
    })
}

/// Luma and colour differences as they are stored. The header is that of the scaled picture.
fn planes(
    decompressor: &mut Decompressor,
    file: &[u8],
    header: &DecompressHeader,
    picture: Size,
) -> Result<Pixels, Failure> {
    let DecompressHeader { width, height, subsamp, .. } = *header;
    let length = turbojpeg::yuv_pixels_len(width, 1, height, subsamp).map_err(Failure::broken)?;
    let mut data = vec![0; length];
    let mut image = YuvImage { pixels: &mut data[..], width, align: 1, height, subsamp };
    let (luma, chroma) = (image.y_size(), image.uv_size());
    accept(decompressor.decompress_to_yuv(file, image.as_deref_mut()), file)?;

    let red = data.split_off(luma.0 * luma.1 + chroma.0 * chroma.1);
    let blue = data.split_off(luma.0 * luma.1);
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let plane = |data, (width, height), per_sample| {
        Plane::new(data, Size { width: side(width), height: side(height) }, picture, per_sample)
    };
    let per_sample = (side(subsamp.width()), side(subsamp.height()));
    let planes = [plane(data, luma, (1, 1)), plane(blue, chroma, per_sample), plane(red, chroma, per_sample)];
    Ok(Pixels::Ycc { planes, matrix: Matrix::JPEG })
}

/// Pixels channel by channel. The header is that of the scaled picture.
fn packed(
    decompressor: &mut Decompressor,
    file: &[u8],
    header: &DecompressHeader,
    format: PixelFormat,
) -> Result<Vec<u8>, Failure> {
    let DecompressHeader { width, height, .. } = *header;
    let pitch = width * format.size();
    let mut data = vec![0; pitch * height];
    let output = Image { pixels: &mut data[..], width, pitch, height, format };
    accept(decompressor.decompress(file, output), file)?;
    Ok(data)
}

fn accept(outcome: Result<(), Error>, file: &[u8]) -> Result<(), Failure> {
    match outcome {
        Err(error) if !is_harmless(&error, file) => Err(refused(&error)),
        _ => Ok(()),
    }
}

/// libjpeg-turbo reports its warnings as errors, after it has decoded everything. The one that
/// cameras cause is stray bytes between segments; the picture is whole all the same if its end is
/// there. Any other means that pixels are missing or made up.
fn is_harmless(error: &Error, file: &[u8]) -> bool {
    let stray =
        matches!(error, Error::TurboJpegError(words) if words.contains("extraneous bytes before marker"));
    // Inside the compressed data `FF` is always followed by zero, so the first `FF D9` after the
    // headers is the end of the picture.
    stray && scan_data(file).windows(2).any(|marker| marker == [0xFF, 0xD9])
}

/// Everything after the last segment before the first scan.
fn scan_data(file: &[u8]) -> &[u8] {
    let last = jpeg_segments(file).last().map_or(&file[..0], |(_, data)| data);
    let start = (last.as_ptr() as usize + last.len()).saturating_sub(file.as_ptr() as usize);
    file.get(start..).unwrap_or_default()
}

fn refused(error: &Error) -> Failure {
    let words = error.to_string();
    let unknown = ["Unsupported", "not supported", "not implemented", "precision"];
    if unknown.iter().any(|unknown| words.contains(unknown)) {
        Failure::Unsupported(words)
    } else {
        Failure::Broken(words)
    }
}

/// The colour profile, which may be spread over several segments (ICC.1:2022, annex B.4).
fn icc(file: &[u8]) -> Vec<u8> {
    let mut parts: Vec<(u8, &[u8])> = jpeg_segments(file)
        .filter(|(marker, _)| *marker == 0xE2)
        .filter_map(|(_, data)| match data.strip_prefix(b"ICC_PROFILE\0")? {
            [number, _count, part @ ..] => Some((*number, part)),
            _ => None,
        })
        .collect();
    parts.sort_by_key(|(number, _)| *number);
    parts.into_iter().flat_map(|(_, part)| part.iter().copied()).collect()
}

fn is_from_adobe(file: &[u8]) -> bool {
    jpeg_segments(file).any(|(marker, data)| marker == 0xEE && data.starts_with(b"Adobe"))
}
