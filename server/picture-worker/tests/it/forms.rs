//! The less usual forms of each type, made by the test itself.

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{
    DynamicImage, ExtendedColorType, Frame, ImageBuffer, ImageEncoder, ImageFormat, Luma, LumaA, Rgb,
    RgbImage, Rgba, RgbaImage,
};
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use crate::limits::crc32;
use crate::made::{encoded, exif, with_exif};
use crate::{checked, close, develop_bytes};

const CORNERS: [[u8; 3]; 4] = [[200, 40, 40], [40, 160, 40], [40, 40, 200], [220, 220, 220]];

/// Red and green above, blue and a light grey below: no two ways to turn it look the same.
fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(CORNERS[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)])
    })
}

/// The middles of the four quarters of the carrier copy of that file, row by row.
fn middles(file: &[u8]) -> [Rgb<u8>; 4] {
    middles_of(&checked(&develop_bytes(file).unwrap()))
}

fn middles_of(image: &RgbImage) -> [Rgb<u8>; 4] {
    let (width, height) = image.dimensions();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| *image.get_pixel(width * x / 4, height * y / 4))
}

fn assert_corners(file: &[u8], what: &str) {
    let found = middles(file);
    for (pixel, wanted) in found.into_iter().zip(CORNERS) {
        assert!(close(pixel, wanted, 8), "{what}: {found:?}");
    }
}

fn jpeg(image: &RgbImage, set: impl Fn(&mut Compressor) -> turbojpeg::Result<()>) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(92).unwrap();
    compressor.set_subsamp(Subsamp::Sub2x2).unwrap();
    set(&mut compressor).unwrap();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (pixels, format) = (&image.as_raw()[..], PixelFormat::RGB);
    compressor.compress_to_vec(turbojpeg::Image { pixels, width, pitch: width * 3, height, format }).unwrap()
}

/// As Adobe's programs write inks: 255 is none.
fn cmyk(image: &RgbImage) -> Vec<u8> {
    let inks: Vec<u8> = image.pixels().flat_map(|&Rgb([red, green, blue])| [red, green, blue, 255]).collect();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (pixels, format) = (&inks[..], PixelFormat::CMYK);
    let image = turbojpeg::Image { pixels, width, pitch: width * 4, height, format };
    turbojpeg::compress(image, 92, Subsamp::None).unwrap().to_vec()
}

fn encode_with_exif<E: ImageEncoder>(mut encoder: E, image: &RgbImage, orientation: u16) {
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    encoder.write_image(image, image.width(), image.height(), ExtendedColorType::Rgb8).unwrap();
}

#[test]
fn a_jpeg_is_understood_however_its_scans_are_coded() {
    // Decoded whole, at a half and at a quarter, with a part of a block at each edge.
    for (width, height) in [(643, 481), (3301, 411), (6605, 805)] {
        let image = corners(width, height);
        let usual = jpeg(&image, |_| Ok(()));
        assert_corners(&usual, "baseline");
        let progressive = jpeg(&image, |compressor| compressor.set_progressive(true));
        assert!(turbojpeg::read_header(&progressive).unwrap().is_progressive);
        assert_corners(&progressive, "progressive");
        let arithmetic = jpeg(&image, |compressor| compressor.set_arithmetic(true));
        assert!(turbojpeg::read_header(&arithmetic).unwrap().is_arithmetic);
        assert_corners(&arithmetic, "arithmetic");
        let both = jpeg(&image, |compressor| {
            compressor.set_progressive(true)?;
            compressor.set_arithmetic(true)
        });
        assert_corners(&both, "progressive and arithmetic");
    }
}

#[test]
fn inks_are_understood_at_every_scale() {
    for (width, height) in [(320, 240), (3301, 411)] {
        assert_corners(&cmyk(&corners(width, height)), "inks");
    }
}

/// Against another implementation of the eight ways to store a picture.
#[test]
fn every_orientation_of_every_type_that_has_one_ends_upright() {
    for (width, height) in [(240, 161), (3301, 411)] {
        let image = corners(width, height);
        let gray = DynamicImage::from(image.clone()).into_luma8();
        let plain = jpeg(&image, |_| Ok(()));
        let inks = cmyk(&image);
        let mut grays = Vec::new();
        JpegEncoder::new_with_quality(&mut grays, 92).encode_image(&gray).unwrap();
        for value in 1..=8u8 {
            let orientation = image::metadata::Orientation::from_exif(value).unwrap();
            let upright = |image: DynamicImage| {
                let mut image = image;
                image.apply_orientation(orientation);
                image.into_rgb8()
            };
            let (upright, gray) = (upright(image.clone().into()), upright(gray.clone().into()));
            let (mut png, mut webp) = (Vec::new(), Vec::new());
            encode_with_exif(PngEncoder::new(&mut png), &image, value.into());
            encode_with_exif(WebPEncoder::new_lossless(&mut webp), &image, value.into());
            for (what, file, wanted) in [
                ("JPEG", with_exif(&plain, value.into()), &upright),
                ("JPEG with inks", with_exif(&inks, value.into()), &upright),
                ("grey JPEG", with_exif(&grays, value.into()), &gray),
                ("PNG", png, &upright),
                ("WebP", webp, &upright),
            ] {
                let developed = develop_bytes(&file).unwrap();
                assert_eq!((developed.width, developed.height), wanted.dimensions(), "{what}, value {value}");
                let found = middles_of(&checked(&developed));
                for (pixel, wanted) in found.into_iter().zip(middles_of(wanted)) {
                    assert!(close(pixel, wanted.0, 8), "{what}, value {value}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn sixteen_bits_of_every_kind_become_eight() {
    let deep = |value: u8| u16::from(value) << 8 | 0x7F;
    let (width, height) = (300, 200);
    let rgb = ImageBuffer::from_pixel(width, height, Rgb([deep(180), deep(90), deep(20)]));
    let gray = ImageBuffer::from_pixel(width, height, Luma([deep(77)]));
    // Half of black on white.
    let rgba = ImageBuffer::from_pixel(width, height, Rgba([0, 0, 0, deep(128)]));
    let gray_alpha = ImageBuffer::from_pixel(width, height, LumaA([0, deep(128)]));
    for (image, wanted) in [
        (DynamicImage::from(rgb), [180, 90, 20]),
        (DynamicImage::from(gray), [77; 3]),
        (DynamicImage::from(rgba), [127; 3]),
        (DynamicImage::from(gray_alpha), [127; 3]),
    ] {
        let colour = image.color();
        let [pixel, ..] = middles(&encoded(image, ImageFormat::Png));
        assert!(close(pixel, wanted, 5), "{colour:?}: {pixel:?}");
    }
}

#[test]
fn an_interlaced_png_is_whole() {
    // Fewer than five columns or rows leave some of the seven passes empty. So small a JPEG mixes neighbours' colours,
    // therefore greys.
    let grey = |width, height| {
        DynamicImage::from(DynamicImage::from(corners(width, height)).into_luma8()).into_rgb8()
    };
    for image in [corners(1300, 701), corners(67, 43), grey(16, 4), grey(4, 16)] {
        let found = middles(&interlaced_png(&image));
        for (pixel, wanted) in found.into_iter().zip(middles_of(&image)) {
            assert!(close(pixel, wanted.0, 12), "{:?}: {found:?}", image.dimensions());
        }
    }
}

#[test]
fn of_an_animation_the_first_frame_is_shown() {
    let still = DynamicImage::from(corners(480, 360)).into_rgba8();
    let green = RgbaImage::from_pixel(480, 360, Rgba([0, 255, 0, 255]));
    let mut file = Vec::new();
    GifEncoder::new(&mut file).encode_frames([still, green].map(Frame::new)).unwrap();
    assert_corners(&file, "animation");
}

/// PNG (third edition), section 8.1: seven passes, each a smaller picture. Nothing is compressed.
fn interlaced_png(image: &RgbImage) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let mut rows = Vec::new();
    for (x0, y0, right, down) in
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    {
        if x0 >= width {
            continue;
        }
        for y in (y0..height).step_by(down) {
            // No filter.
            rows.push(0);
            rows.extend((x0..width).step_by(right).flat_map(|x| image.get_pixel(x, y).0));
        }
    }
    // RFC 1951, section 3.2.4, within RFC 1950.
    let mut data = b"\x78\x01".to_vec();
    let blocks = rows.chunks(0xFFFF);
    let last = blocks.len() - 1;
    for (number, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        data.push(u8::from(number == last));
        data.extend(length.to_le_bytes());
        data.extend((!length).to_le_bytes());
        data.extend(block);
    }
    let (one, two) = rows.iter().fold((1u32, 0u32), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % 65_521;
        (one, (two + one) % 65_521)
    });
    data.extend((two << 16 | one).to_be_bytes());
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 1]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        file.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        let named = [&name[..], &body].concat();
        file.extend(&named);
        file.extend(crc32(&named).to_be_bytes());
    }
    file
}
