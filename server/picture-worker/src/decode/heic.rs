//! HEIC and HEIF, by libheif and, as the second try of another process, by heifer.
//!
//! Both apply the container's crop, rotation and mirror themselves; nothing is left to do.

use libheif_rs::{
    Chroma, ColorSpace, DecodingOptions, HeifContext, HeifError, HeifErrorCode, HeifErrorSubCode, Image,
    ImageHandle, LibHeif, MatrixCoefficients, RgbChroma, SecurityLimits,
};
use moxcms::ColorProfile;
use picture::{MAX_PIXELS, Orientation, Size};

use super::{Decoded, Matrix, Pixels, Plane, Raster, on_white, within_limits};
use crate::colour;
use crate::wire::{Failure, HeicDecoder};

pub(super) fn decode(file: &[u8], decoder: HeicDecoder, threads: usize) -> Result<Decoded, Failure> {
    match decoder {
        HeicDecoder::Libheif => with_libheif(file, threads),
        HeicDecoder::Heifer => with_heifer(file, threads),
    }
}

fn with_libheif(file: &[u8], threads: usize) -> Result<Decoded, Failure> {
    let library = LibHeif::new_checked().map_err(refused)?;
    let mut context = HeifContext::new().map_err(refused)?;
    let mut limits = SecurityLimits::new();
    limits.set_max_image_size_pixels(MAX_PIXELS);
    context.set_security_limits(&limits).map_err(refused)?;
    context.set_max_decoding_threads(u32::try_from(threads).unwrap_or(1));
    context.read_bytes(file).map_err(refused)?;
    let handle = context.primary_image_handle().map_err(refused)?;
    let size = within_limits(Size { width: handle.width(), height: handle.height() })?;

    let profile = profile(&handle);
    let (raster, profile) = if handle.has_alpha_channel() {
        (rgba(&library, &handle)?, profile)
    } else {
        let image = library.decode(&handle, ColorSpace::Undefined, Some(options()?)).map_err(refused)?;
        let profile = profile.or_else(|| wide_gamut(&image));
        match planes(&image) {
            Some(pixels) => {
                (Raster { size: Size { width: image.width(), height: image.height() }, pixels }, profile)
            }
            None => (rgba(&library, &handle)?, profile),
        }
    };
    // The header's size and the decoded one differ in files that lie; the pixels are what counts.
    let original = within_limits(raster.size).unwrap_or(size);
    Ok(Decoded { original, raster, orientation: Orientation::UPRIGHT, profile })
}

/// What libheif may be lenient about is what other programs are lenient about as well; missing
/// picture data is not among it.
fn options() -> Result<DecodingOptions, Failure> {
    let mut options =
        DecodingOptions::new().ok_or_else(|| Failure::Unsupported("libheif gives no options".to_owned()))?;
    options.set_convert_hdr_to_8bit(true);
    options.set_output_image_nclx_profile_passthrough(true);
    options.set_strict_decoding(true);
    Ok(options)
}

/// The general way: libheif converts to RGB, with alpha.
fn rgba(library: &LibHeif, handle: &ImageHandle) -> Result<Raster, Failure> {
    let image =
        library.decode(handle, ColorSpace::Rgb(RgbChroma::Rgba), Some(options()?)).map_err(refused)?;
    let plane = image.planes().interleaved.ok_or_else(|| Failure::broken("no pixels were decoded"))?;
    let size = Size { width: plane.width, height: plane.height };
    let pixels =
        packed(plane.data, plane.stride, size, 4).ok_or_else(|| Failure::broken("rows are cut off"))?;
    Ok(Raster { size, pixels: Pixels::Rgb(on_white::<3>(&pixels, image.is_premultiplied_alpha())) })
}

/// The fast way for what phones make: the planes as they were coded. `None` for anything else.
fn planes(image: &Image) -> Option<Pixels> {
    let planes = image.planes();
    let picture = Size { width: image.width(), height: image.height() };
    let plane = |plane: Option<libheif_rs::Plane<&[u8]>>, per_sample| {
        let plane = plane.filter(|plane| plane.storage_bits_per_pixel == 8)?;
        let size = Size { width: plane.width, height: plane.height };
        Some(Plane::new(packed(plane.data, plane.stride, size, 1)?, size, picture, per_sample))
    };
    let matrix = matrix(image)?;
    match image.color_space()? {
        // Limited range needs stretching, which the general way does.
        ColorSpace::Monochrome if matrix.full_range => Some(Pixels::Gray(plane(planes.y, (1, 1))?.data)),
        ColorSpace::YCbCr(chroma) => {
            let per_sample = match chroma {
                Chroma::C420 => (2, 2),
                Chroma::C422 => (2, 1),
                Chroma::C444 => (1, 1),
            };
            let [blue, red] = [plane(planes.cb, per_sample)?, plane(planes.cr, per_sample)?];
            Some(Pixels::Ycc { planes: [plane(planes.y, (1, 1))?, blue, red], matrix })
        }
        _ => None,
    }
}

fn matrix(image: &Image) -> Option<Matrix> {
    let nclx = image.color_profile_nclx();
    let coefficients =
        nclx.as_ref().map_or(MatrixCoefficients::Unspecified, |nclx| nclx.matrix_coefficients());
    let (red_weight, blue_weight) = match coefficients {
        MatrixCoefficients::ITU_R_BT_709_5 => (0.2126, 0.0722),
        MatrixCoefficients::ITU_R_BT_601_6
        | MatrixCoefficients::ITU_R_BT_470_6_System_B_G
        | MatrixCoefficients::Unspecified => (0.299, 0.114),
        MatrixCoefficients::ITU_R_BT_2020_2_NonConstantLuminance => (0.2627, 0.0593),
        _ => return None,
    };
    Some(Matrix { red_weight, blue_weight, full_range: nclx.is_none_or(|nclx| nclx.full_range_flag() != 0) })
}

fn packed(data: &[u8], stride: usize, size: Size, channels: usize) -> Option<Vec<u8>> {
    let row = size.width as usize * channels;
    if stride == row {
        return data.get(..row * size.height as usize).map(<[u8]>::to_vec);
    }
    let mut packed = Vec::with_capacity(row * size.height as usize);
    for start in (0..size.height as usize).map(|y| y * stride) {
        packed.extend_from_slice(data.get(start..start + row)?);
    }
    Some(packed)
}

fn profile(handle: &ImageHandle) -> Option<ColorProfile> {
    colour::profile(&handle.color_profile_raw()?.data)
}

fn wide_gamut(image: &Image) -> Option<ColorProfile> {
    let nclx = image.color_profile_nclx()?;
    colour::wide_gamut(nclx.color_primaries() as u8, nclx.transfer_characteristics() as u8)
}

fn with_heifer(file: &[u8], threads: usize) -> Result<Decoded, Failure> {
    let options = heifer::Options { max_threads: threads, max_pixels: MAX_PIXELS };
    let image = match heifer::decode_srgb_rgba8(file, &options) {
        // Rather slightly wrong colours than no picture.
        Err(heifer::Error::Unsupported(_)) => heifer::decode_rgba8(file, &options),
        decoded => decoded,
    };
    let image = image.map_err(|error| match error {
        heifer::Error::Unsupported(what) => Failure::Unsupported(what),
        error => Failure::broken(error),
    })?;
    let size = within_limits(Size { width: image.width, height: image.height })?;
    Ok(Decoded {
        original: size,
        raster: Raster { size, pixels: Pixels::Rgb(on_white::<3>(&image.data, false)) },
        orientation: Orientation::UPRIGHT,
        profile: None,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn refused(error: HeifError) -> Failure {
    let words = error.to_string();
    match (error.code, error.sub_code) {
        (_, HeifErrorSubCode::SecurityLimitExceeded) | (HeifErrorCode::MemoryAllocationError, _) => {
            Failure::TooLarge(words)
        }
        (HeifErrorCode::UnsupportedFeature | HeifErrorCode::UnsupportedFileType, _) => {
            Failure::Unsupported(words)
        }
        _ => Failure::Broken(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libde265_is_linked() {
        let library = LibHeif::new();
        let decoders: Vec<String> =
            library.decoder_descriptors(10, None).iter().map(|decoder| decoder.id().to_owned()).collect();
        assert_eq!(decoders, ["libde265"], "see codecs.cmake");
        let encoders: Vec<String> = library
            .encoder_descriptors(20, None, None)
            .iter()
            .map(|encoder| encoder.id().to_owned())
            .collect();
        // libheif's own, which writes pixels as they are, needs no library.
        assert!(encoders.iter().all(|encoder| encoder == "mask"), "see codecs.cmake: {encoders:?}");
    }
}
