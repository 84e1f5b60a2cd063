//! From decoded pixels to finished copies.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use picture::{Fitted, Size, fit};
use turbojpeg::{Compressor, PixelFormat, Subsamp, YuvPlanesImage};

use crate::colour;
use crate::decode::{Decoded, Matrix, Pixels, Plane, Raster};
use crate::wire::{Failure, WantedRendition};

/// All wanted copies, in their order, with the work shared by that many threads.
pub(crate) fn renditions(
    decoded: &Decoded,
    wanted: &[WantedRendition],
    threads: usize,
) -> Result<Vec<Fitted>, Failure> {
    if threads < 2 || wanted.len() < 2 {
        return wanted.iter().map(|wanted| rendition(decoded, *wanted, threads)).collect();
    }
    std::thread::scope(|scope| {
        let copies: Vec<_> =
            wanted.iter().map(|wanted| scope.spawn(|| rendition(decoded, *wanted, 1))).collect();
        let ended = |_| Err(Failure::broken("a copy's thread ended"));
        copies.into_iter().map(|copy| copy.join().unwrap_or_else(ended)).collect()
    })
}

fn rendition(decoded: &Decoded, wanted: WantedRendition, threads: usize) -> Result<Fitted, Failure> {
    // Every quality is tried on the same pixels; they change only when the sides do.
    let mut print: Option<(Size, Print)> = None;
    let encode = |size: Size, quality: u8| {
        let print = match &print {
            Some((printed, print)) if *printed == size => print,
            _ => &print.insert((size, printed(decoded, size, threads)?)).1,
        };
        jpeg(print, size, quality).map_err(Failure::broken)
    };
    fit(decoded.original, &wanted.budget(decoded.original), encode)?
        .ok_or_else(|| Failure::TooLarge(format!("not even a tiny copy fits into {} bytes", wanted.bytes)))
}

/// A picture as it will be compressed: upright, sRGB, at its final size.
enum Print {
    /// Three bytes a pixel.
    Rgb(Vec<u8>),
    /// What a JPEG stores, so that nothing needs converting: luma, blue and red difference, the latter
    /// two at half the columns and rows (rounded up).
    Ycc([Vec<u8>; 3]),
}

/// The picture at that upright size.
fn printed(decoded: &Decoded, size: Size, threads: usize) -> Result<Print, Failure> {
    let Decoded { raster, orientation, profile, .. } = decoded;
    // A quarter turn exchanges the sides both ways.
    let stored = orientation.apply_to_size(size);
    match &raster.pixels {
        Pixels::Ycc { planes, matrix } if *matrix == Matrix::JPEG && colour::is_done(profile.as_ref()) => {
            let sizes = [stored, half(stored), half(stored)];
            let planes = resize_planes(planes, sizes, threads)?;
            let mut sizes = sizes.into_iter();
            Ok(Print::Ycc(planes.map(|plane| match sizes.next() {
                Some(size) => orientation.apply::<1>(plane, size),
                None => plane,
            })))
        }
        _ => {
            let pixels = scaled(raster, stored, threads)?;
            let rgb = colour::to_srgb(pixels, profile.as_ref(), threads);
            Ok(Print::Rgb(orientation.apply::<3>(rgb, stored)))
        }
    }
}

fn half(size: Size) -> Size {
    Size { width: size.width.div_ceil(2), height: size.height.div_ceil(2) }
}

fn scaled(raster: &Raster, to: Size, threads: usize) -> Result<Pixels, Failure> {
    let all = (f64::from(raster.size.width), f64::from(raster.size.height));
    Ok(match &raster.pixels {
        Pixels::Rgb(data) => Pixels::Rgb(resize::<U8x3>(data, raster.size, all, to)?),
        Pixels::Gray(data) => Pixels::Gray(resize::<U8>(data, raster.size, all, to)?),
        Pixels::Cmyk { data, inverted } => {
            Pixels::Cmyk { data: resize_inks(data, raster.size, all, to)?, inverted: *inverted }
        }
        Pixels::Ycc { planes, matrix } => {
            let planes = resize_planes(planes, [to; 3], threads)?;
            Pixels::Ycc { planes: planes.map(|data| Plane::new(data, to, to, (1, 1))), matrix: *matrix }
        }
    })
}

/// Luma is as much work as both colour differences, or more.
fn resize_planes(planes: &[Plane; 3], to: [Size; 3], threads: usize) -> Result<[Vec<u8>; 3], Failure> {
    let plane = |which: usize| {
        let Plane { size, seen, data } = &planes[which];
        resize::<U8>(data, *size, *seen, to[which])
    };
    if threads < 2 {
        return Ok([plane(0)?, plane(1)?, plane(2)?]);
    }
    std::thread::scope(|scope| {
        let chroma = scope.spawn(|| Ok((plane(1)?, plane(2)?)));
        let luma = plane(0)?;
        let ended = |_| Err(Failure::broken("a plane's thread ended"));
        let (blue, red) = chroma.join().unwrap_or_else(ended)?;
        Ok([luma, blue, red])
    })
}

/// Four inks a pixel, one after the other: hardly a photo comes in inks, and each kind of pixel costs a minute of
/// compiling.
fn resize_inks(data: &[u8], from: Size, seen: (f64, f64), to: Size) -> Result<Vec<u8>, Failure> {
    let mut scaled = vec![0; to.width as usize * to.height as usize * 4];
    for ink in 0..4 {
        let plane: Vec<u8> = data.chunks_exact(4).map(|inks| inks[ink]).collect();
        let plane = resize::<U8>(&plane, from, seen, to)?;
        scaled.chunks_exact_mut(4).zip(plane).for_each(|(inks, value)| inks[ink] = value);
    }
    Ok(scaled)
}

/// Scales the `seen` columns and rows of pixels that are stored in rows of `from`. The kind of pixel is told to the
/// compiler: told when the program runs, it would have everything compiled for all thirteen kinds there are.
fn resize<P: PixelTrait>(data: &[u8], from: Size, seen: (f64, f64), to: Size) -> Result<Vec<u8>, Failure> {
    if from == to {
        return Ok(data.to_vec());
    }
    let source = TypedImageRef::<P>::from_buffer(from.width, from.height, data).map_err(Failure::broken)?;
    let mut scaled = vec![0; to.width as usize * to.height as usize * P::size()];
    let mut target =
        TypedImage::<P>::from_buffer(to.width, to.height, &mut scaled).map_err(Failure::broken)?;
    // Where very many pixels become one, the wider filter shows no difference and takes twice as long.
    let filter = if from.width / to.width.max(1) >= 3 { FilterType::Hamming } else { FilterType::CatmullRom };
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(0.0, 0.0, seen.0, seen.1);
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(Failure::broken)?;
    Ok(scaled)
}

/// A baseline JPEG without any metadata.
fn jpeg(print: &Print, size: Size, quality: u8) -> turbojpeg::Result<Vec<u8>> {
    let mut compressor = Compressor::new()?;
    compressor.set_quality(i32::from(quality))?;
    compressor.set_subsamp(Subsamp::Sub2x2)?;
    // Huffman tables made for the picture: a few per cent smaller, still baseline.
    compressor.set_optimize(true)?;
    let (width, height) = (size.width as usize, size.height as usize);
    match print {
        Print::Rgb(pixels) => compressor.compress_to_vec(turbojpeg::Image {
            pixels,
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        }),
        Print::Ycc([luma, blue, red]) => {
            let even = even(luma, width);
            compressor.compress_yuv_planes_to_vec(&YuvPlanesImage {
                y_plane: even.as_deref().unwrap_or(luma),
                u_plane: blue,
                v_plane: red,
                width,
                height,
                y_stride: width.next_multiple_of(2),
                u_stride: width.div_ceil(2),
                v_stride: width.div_ceil(2),
                subsamp: Subsamp::Sub2x2,
            })
        }
    }
}

/// The luma of whole blocks of two by two pixels, with the last column and row said twice where there
/// is need; `None` where there is none.
fn even(luma: &[u8], width: usize) -> Option<Vec<u8>> {
    let height = luma.len() / width.max(1);
    if width.is_multiple_of(2) && height.is_multiple_of(2) {
        return None;
    }
    let stride = width.next_multiple_of(2);
    let mut even = Vec::with_capacity(stride * height.next_multiple_of(2));
    for row in luma.chunks_exact(width) {
        even.extend_from_slice(row);
        even.extend(row.last().filter(|_| stride > width));
    }
    if height % 2 == 1 {
        even.extend_from_within(even.len() - stride..);
    }
    Some(even)
}
