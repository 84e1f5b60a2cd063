//! From decoded pixels to finished copies.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use picture::{Fitted, Size, fit};
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use crate::colour;
use crate::decode::{Decoded, Pixels, Plane, Raster};
use crate::wire::{Failure, WantedRendition};

/// All wanted copies, in their order.
pub(crate) fn renditions(decoded: &Decoded, wanted: &[WantedRendition]) -> Result<Vec<Fitted>, Failure> {
    wanted.iter().map(|wanted| rendition(decoded, *wanted)).collect()
}

fn rendition(decoded: &Decoded, wanted: WantedRendition) -> Result<Fitted, Failure> {
    // Every quality is tried on the same pixels; they change only when the sides do.
    let mut print: Option<(Size, Vec<u8>)> = None;
    let encode = |size: Size, quality: u8| {
        let pixels = match &print {
            Some((printed, pixels)) if *printed == size => pixels,
            _ => &print.insert((size, printed(decoded, size)?)).1,
        };
        jpeg(pixels, size, quality)
    };
    fit(decoded.original, &wanted.budget(decoded.original), encode)?
        .ok_or_else(|| Failure::TooLarge(format!("not even a tiny copy fits into {} bytes", wanted.bytes)))
}

/// The picture at that upright size: upright, sRGB, three bytes a pixel.
fn printed(decoded: &Decoded, size: Size) -> Result<Vec<u8>, Failure> {
    // A quarter turn exchanges the sides both ways.
    let stored = decoded.orientation.apply_to_size(size);
    let pixels = scaled(&decoded.raster, stored)?;
    Ok(decoded.orientation.apply(colour::to_srgb(pixels, decoded.profile.as_ref()), stored, 3))
}

fn scaled(raster: &Raster, to: Size) -> Result<Pixels, Failure> {
    let scale = |data: &[u8], channels| resize(data, raster.size, channels, to);
    Ok(match &raster.pixels {
        Pixels::Rgb(data) => Pixels::Rgb(scale(data, PixelType::U8x3)?),
        Pixels::Gray(data) => Pixels::Gray(scale(data, PixelType::U8)?),
        Pixels::Cmyk { data, inverted } => {
            Pixels::Cmyk { data: scale(data, PixelType::U8x4)?, inverted: *inverted }
        }
        Pixels::Ycc { planes: [luma, blue, red], matrix } => {
            let plane = |plane: &Plane| {
                Ok(Plane { size: to, data: resize(&plane.data, plane.size, PixelType::U8, to)? })
            };
            Pixels::Ycc { planes: [plane(luma)?, plane(blue)?, plane(red)?], matrix: *matrix }
        }
    })
}

fn resize(data: &[u8], from: Size, kind: PixelType, to: Size) -> Result<Vec<u8>, Failure> {
    if from == to {
        return Ok(data.to_vec());
    }
    let source = ImageRef::new(from.width, from.height, data, kind).map_err(Failure::broken)?;
    let mut target = Image::new(to.width, to.height, kind);
    // Where very many pixels become one, the wider filter shows no difference and takes twice as long.
    let filter = if from.width / to.width.max(1) >= 3 { FilterType::Hamming } else { FilterType::CatmullRom };
    // The fourth channel is an ink here, never alpha.
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(Failure::broken)?;
    Ok(target.into_vec())
}

/// A baseline JPEG without any metadata.
fn jpeg(pixels: &[u8], size: Size, quality: u8) -> Result<Vec<u8>, Failure> {
    let encode = || {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(i32::from(quality))?;
        compressor.set_subsamp(Subsamp::Sub2x2)?;
        // Huffman tables made for the picture: a few per cent smaller, still baseline.
        compressor.set_optimize(true)?;
        let (width, height) = (size.width as usize, size.height as usize);
        let image = turbojpeg::Image { pixels, width, pitch: width * 3, height, format: PixelFormat::RGB };
        compressor.compress_to_vec(image)
    };
    encode().map_err(|error: turbojpeg::Error| Failure::broken(error))
}
