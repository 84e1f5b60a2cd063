//! Pictures made by the test itself, so that each case exists wherever the tests run.

use std::io::Cursor;

use heifer::{EncodeOptions, Metadata};
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use moxcms::ColorProfile;
use picture::PictureKind;
use picture_worker::PictureError;

use crate::{checked, close, develop_bytes};

const RED: [u8; 3] = [200, 30, 30];
const BLUE: [u8; 3] = [30, 30, 200];

/// Red on the left, blue on the right.
pub(crate) fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { RED } else { BLUE }))
}

pub(crate) fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

pub(crate) fn heic(image: &RgbImage, depth: u8, metadata: &Metadata) -> Vec<u8> {
    let data = image
        .pixels()
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
        .map(|value| u16::from(value) << (depth - 8))
        .collect();
    let image = heifer::Image {
        width: image.width(),
        height: image.height(),
        bit_depth: depth,
        has_alpha: false,
        data,
    };
    heifer::encode_with_metadata(&image, metadata, &EncodeOptions::default()).unwrap()
}

/// Exif with an orientation and a GPS position, whose degrees stand in it as text to look for.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    tiff.extend(b"\x01\x12\0\x03\0\0\0\x01");
    tiff.extend(orientation.to_be_bytes());
    tiff.extend(b"\0\0\x88\x25\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
    tiff.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02S\0\0\0\0\0\0\0 GPS-37.8136");
    tiff
}

pub(crate) fn with_exif(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let body = [b"Exif\0\0", &exif(orientation)[..]].concat();
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xFF\xE1", &length, &body, &jpeg[2..]].concat()
}

#[test]
fn every_type_becomes_the_same_picture() {
    for (format, kind) in [
        (ImageFormat::Jpeg, PictureKind::Jpeg),
        (ImageFormat::Png, PictureKind::Png),
        (ImageFormat::Gif, PictureKind::Gif),
        (ImageFormat::WebP, PictureKind::Webp),
    ] {
        let developed = develop_bytes(&encoded(halves(1300, 700), format)).unwrap();
        assert_eq!((developed.kind, developed.width, developed.height), (kind, 1300, 700));
        let carrier = checked(&developed);
        assert_eq!(carrier.dimensions(), (1024, 551));
        assert!(close(*carrier.get_pixel(100, 300), RED, 6), "{kind:?}");
        assert!(close(*carrier.get_pixel(900, 300), BLUE, 6), "{kind:?}");
    }
}

#[test]
fn a_tile_covers_its_square_and_a_screen_copy_fits() {
    let developed = develop_bytes(&encoded(halves(3200, 1600), ImageFormat::Png)).unwrap();
    checked(&developed);
    let sizes: Vec<_> = developed.renditions.iter().map(|copy| (copy.width, copy.height)).collect();
    assert_eq!(sizes, [(400, 200), (1600, 800), (1024, 512)]);
}

#[test]
fn heic_with_a_grid_ten_bits_or_exif_is_upright_and_clean() {
    let metadata = Metadata { exif: Some(exif(6)), ..Metadata::default() };
    for (depth, metadata) in [(8, &Metadata::default()), (10, &Metadata::default()), (8, &metadata)] {
        let bytes = heic(&halves(1400, 900), depth, metadata);
        let developed = develop_bytes(&bytes).unwrap();
        assert_eq!((developed.width, developed.height), (1400, 900), "Exif must not turn a HEIC");
        let carrier = checked(&developed);
        assert!(close(*carrier.get_pixel(100, 300), RED, 8), "{depth} bits");
        assert!(close(*carrier.get_pixel(900, 300), BLUE, 8), "{depth} bits");
    }
}

#[test]
fn exif_turns_a_jpeg_upright_and_its_position_is_gone() {
    let bytes = with_exif(&encoded(halves(900, 600), ImageFormat::Jpeg), 6);
    assert!(bytes.windows(3).any(|window| window == b"GPS"), "the original has a position");
    let developed = develop_bytes(&bytes).unwrap();
    assert_eq!((developed.width, developed.height), (600, 900));
    let carrier = checked(&developed);
    // A clockwise quarter turn brings the left side to the top.
    assert!(close(*carrier.get_pixel(300, 100), RED, 8));
    assert!(close(*carrier.get_pixel(300, 800), BLUE, 8));
    for copy in &developed.renditions {
        assert!(!copy.bytes.windows(3).any(|window| window == b"GPS"));
    }
}

/// Whatever a JPEG stores fewer of, and however little of its last blocks is seen: no seam, no stray edge.
#[test]
fn every_way_to_store_colour_differences_looks_the_same() {
    for (width, height) in [(640, 480), (641, 479), (1301, 701), (2603, 1403)] {
        let image = halves(width, height);
        for subsamp in [
            turbojpeg::Subsamp::None,
            turbojpeg::Subsamp::Sub2x1,
            turbojpeg::Subsamp::Sub2x2,
            turbojpeg::Subsamp::Sub1x2,
            turbojpeg::Subsamp::Sub4x1,
            turbojpeg::Subsamp::Gray,
        ] {
            let image = turbojpeg::Image {
                pixels: &image.as_raw()[..],
                width: width as usize,
                pitch: width as usize * 3,
                height: height as usize,
                format: turbojpeg::PixelFormat::RGB,
            };
            let jpeg = turbojpeg::compress(image, 92, subsamp).unwrap();
            for orientation in [1, 3, 6] {
                let developed = develop_bytes(&with_exif(&jpeg, orientation)).unwrap();
                let mut carrier = checked(&developed);
                for _ in 0..[0, 0, 2, 0, 0, 3][orientation as usize - 1] {
                    carrier = image::imageops::rotate90(&carrier);
                }
                let gray = |[red, green, blue]: [u8; 3]| {
                    let luma = 0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue);
                    [luma.round() as u8; 3]
                };
                let [left, right] = match subsamp {
                    turbojpeg::Subsamp::Gray => [gray(RED), gray(BLUE)],
                    _ => [RED, BLUE],
                };
                let (last, middle) = (carrier.width() - 1, carrier.width() / 2);
                for y in [0, 1, carrier.height() / 2, carrier.height() - 2, carrier.height() - 1] {
                    for (x, wanted) in [(0, left), (middle - 20, left), (middle + 20, right), (last, right)] {
                        let pixel = *carrier.get_pixel(x, y);
                        assert!(
                            close(pixel, wanted, 8),
                            "{width} x {height}, {subsamp:?}, {orientation}: {pixel:?} at {x}, {y}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn display_p3_becomes_srgb() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let p3 = RgbImage::from_pixel(600, 600, Rgb([180, 100, 60]));
    // What the same light is in sRGB, by the primaries' own matrices.
    let wanted = [190, 97, 50];
    let metadata = Metadata { icc_profile: Some(icc.clone()), ..Metadata::default() };
    let mut jpeg = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95);
    image::ImageEncoder::set_icc_profile(&mut encoder, icc).unwrap();
    encoder.encode_image(&p3).unwrap();
    for bytes in [heic(&p3, 8, &metadata), jpeg] {
        let carrier = checked(&develop_bytes(&bytes).unwrap());
        let pixel = *carrier.get_pixel(300, 300);
        assert!(close(pixel, wanted, 5), "{pixel:?}");
    }
}

#[test]
fn what_is_transparent_turns_white() {
    let clear = RgbaImage::from_fn(400, 400, |x, _| Rgba([0, 0, 0, if x < 200 { 0 } else { 255 }]));
    let gray = DynamicImage::from(clear.clone()).into_luma_alpha8();
    let heic = heifer::encode_rgba8(400, 400, &clear, &EncodeOptions::default()).unwrap();
    for bytes in [
        encoded(clear.clone(), ImageFormat::Png),
        encoded(clear.clone(), ImageFormat::WebP),
        encoded(clear.clone(), ImageFormat::Gif),
        encoded(gray, ImageFormat::Png),
        heic,
    ] {
        let carrier = checked(&develop_bytes(&bytes).unwrap());
        assert!(close(*carrier.get_pixel(60, 200), [255; 3], 4));
        assert!(close(*carrier.get_pixel(340, 200), [0; 3], 4));
    }
}

#[test]
fn grey_sixteen_bits_and_ink_are_understood() {
    let gray = encoded(DynamicImage::from(halves(300, 200)).into_luma8(), ImageFormat::Jpeg);
    let deep = ImageBuffer::from_fn(300, 200, |_, _| Rgb([0x8000u16, 0x2000, 0xF000]));
    let deep = checked(&develop_bytes(&encoded(deep, ImageFormat::Png)).unwrap());
    assert!(close(*deep.get_pixel(150, 100), [128, 32, 240], 5));
    checked(&develop_bytes(&gray).unwrap());

    // As Adobe's programs write: 255 is no ink, so this is all of magenta and yellow.
    let inks: Vec<u8> = [255, 0, 0, 255].repeat(64 * 64);
    let cmyk = turbojpeg::Image {
        pixels: &inks[..],
        width: 64,
        pitch: 64 * 4,
        height: 64,
        format: turbojpeg::PixelFormat::CMYK,
    };
    let cmyk = turbojpeg::compress(cmyk, 90, turbojpeg::Subsamp::None).unwrap();
    let cmyk = checked(&develop_bytes(&cmyk).unwrap());
    let pixel = *cmyk.get_pixel(32, 32);
    assert!(close(pixel, [255, 0, 0], 6), "{pixel:?}");
}

#[test]
fn a_file_cut_anywhere_is_told_as_broken() {
    for bytes in [
        encoded(halves(900, 600), ImageFormat::Jpeg),
        encoded(halves(900, 600), ImageFormat::Png),
        heic(&halves(900, 600), 8, &Metadata::default()),
    ] {
        for part in [3, 10, 50, 90] {
            let cut = &bytes[..(bytes.len() * part / 100).max(64)];
            let error = develop_bytes(cut).map(drop).unwrap_err();
            assert!(matches!(error, PictureError::Broken { .. }), "{part} %: {error:?}");
        }
    }
}
