//! Previews of pictures made here, of the project's own media, and of photographs of real phones where they are to be had.
#![expect(clippy::unwrap_used, reason = "a test stops where its fixture is wrong")]

use std::path::{Path, PathBuf};

use heifer::{EncodeOptions, Image, Metadata};
use preview_worker::{Limits, Pixels, Refusal, abi, thumbnail, whole};

/// Red on the left, blue on the right; the upper half bright, the lower half dark.
fn quarters(width: u32, height: u32, depth: u8) -> Image {
    let most = (1u16 << depth) - 1;
    let data = (0..width * height)
        .flat_map(|index| {
            let level = if index / width < height / 2 { most } else { most / 4 };
            if index % width < width / 2 { [level, 0, 0, most] } else { [0, 0, level, most] }
        })
        .collect();
    Image { width, height, bit_depth: depth, has_alpha: false, data }
}

fn heic(image: &Image) -> Vec<u8> {
    heifer::encode(image, &EncodeOptions { quality: 90, max_threads: 2 }).unwrap()
}

/// The colour in the middle of a quarter, counted from the upper left in rows.
fn at(picture: &Pixels, quarter: (u32, u32)) -> [u8; 3] {
    let (x, y) = (picture.width * (1 + 2 * quarter.0) / 4, picture.height * (1 + 2 * quarter.1) / 4);
    let index = ((y * picture.width + x) * 4) as usize;
    picture.rgba[index..index + 3].try_into().unwrap()
}

#[track_caller]
fn assert_near(actual: [u8; 3], expected: [u8; 3]) {
    let near = actual.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 8);
    assert!(near, "{actual:?} is not near {expected:?}");
}

#[track_caller]
fn assert_quarters(picture: &Pixels) {
    assert_eq!(picture.rgba.len(), (picture.width * picture.height * 4) as usize);
    assert!(picture.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
    assert_near(at(picture, (0, 0)), [255, 0, 0]);
    assert_near(at(picture, (1, 0)), [0, 0, 255]);
    assert_near(at(picture, (0, 1)), [63, 0, 0]);
    assert_near(at(picture, (1, 1)), [0, 0, 63]);
}

/// Turns each crop that the encoder wrote into a quarter turn; answers how many there were.
fn turn_instead_of_crop(file: &mut [u8]) -> usize {
    let crops: Vec<_> = (0..file.len() - 4).filter(|&at| &file[at..at + 4] == b"clap").collect();
    for &at in &crops {
        file[at..at + 4].copy_from_slice(b"irot");
        file[at + 4] = 1;
    }
    crops.len()
}

#[test]
fn a_grid_of_tiles_is_shown_by_its_thumbnail_and_whole() {
    let mut file = heic(&quarters(1536, 1024, 8));
    let before = file.clone();
    let small = thumbnail(&mut file, 150, Limits::default()).unwrap();
    assert_eq!(small.width.max(small.height), 320);
    assert_quarters(&small);
    assert_eq!(file, before, "the file is as it was");
    let large = whole(&file, 150, Limits::default()).unwrap();
    assert!(large.width.min(large.height) >= 150 && large.width < 1536);
    assert_quarters(&large);
}

#[test]
fn shrinking_tile_by_tile_shows_what_decoding_everything_shows() {
    let file = heic(&quarters(1536, 1024, 8));
    let (short, long) =
        (whole(&file, 200, Limits::default()).unwrap(), whole(&file, 1024, Limits::default()).unwrap());
    assert_eq!((short.width, long.width), (384, 1536));
    for quarter in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        assert_near(at(&short, quarter), at(&long, quarter));
    }
}

#[test]
fn ten_bit_pictures_are_shown() {
    assert_quarters(&whole(&heic(&quarters(640, 640, 10)), 100, Limits::default()).unwrap());
    assert_quarters(&whole(&heic(&quarters(640, 640, 10)), 640, Limits::default()).unwrap());
}

#[test]
fn the_container_turns_the_picture() {
    let mut file = heic(&quarters(401, 301, 8));
    assert!(turn_instead_of_crop(&mut file) > 0, "an odd size is cropped by the container");
    let upright_thumbnail = thumbnail(&mut file, 150, Limits::default());
    assert_eq!(upright_thumbnail, Err(Refusal::NoThumbnail), "it does not turn with the picture");
    for cover in [50, 301] {
        let turned = whole(&file, cover, Limits::default()).unwrap();
        assert!(turned.height > turned.width);
        assert_near(at(&turned, (0, 0)), [0, 0, 255]);
        assert_near(at(&turned, (0, 1)), [255, 0, 0]);
    }
}

#[test]
fn transparency_lies_on_white() {
    let mut image = quarters(512, 512, 8);
    image.has_alpha = true;
    for (index, pixel) in image.data.chunks_exact_mut(4).enumerate() {
        if index % 512 < 256 {
            pixel[3] = 0;
        }
    }
    let file = heic(&image);
    for cover in [50, 512] {
        let picture = whole(&file, cover, Limits::default()).unwrap();
        assert_near(at(&picture, (0, 0)), [255, 255, 255]);
        assert_near(at(&picture, (1, 0)), [0, 0, 255]);
    }
}

/// A matrix profile whose red and green are swapped sRGB primaries, with gamma 1: easy to tell from none.
fn swapping_profile() -> Vec<u8> {
    let fixed = |value: f64| ((value * 65536.0).round() as i32).to_be_bytes();
    let point = |xyz: [f64; 3]| [b"XYZ \0\0\0\0".to_vec(), xyz.map(fixed).concat()].concat();
    let (red, green, blue) = ([0.3851, 0.7169, 0.0971], [0.4361, 0.2225, 0.0139], [0.1431, 0.0606, 0.7141]);
    let curve = b"curv\0\0\0\0\0\0\0\0".to_vec();
    let tags = [
        (b"rXYZ", point(red)),
        (b"gXYZ", point(green)),
        (b"bXYZ", point(blue)),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve.clone()),
        (b"bTRC", curve),
    ];
    let mut profile = vec![0; 128];
    profile[16..24].copy_from_slice(b"RGB XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend((tags.len() as u32).to_be_bytes());
    let mut offset = profile.len() + 12 * tags.len();
    for (name, tag) in &tags {
        profile.extend(name.iter());
        profile.extend((offset as u32).to_be_bytes());
        profile.extend((tag.len() as u32).to_be_bytes());
        offset += tag.len();
    }
    profile.extend(tags.into_iter().flat_map(|(_, tag)| tag));
    let length = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&length);
    profile
}

#[test]
fn the_profile_is_obeyed_on_every_way_to_the_picture() {
    let metadata = Metadata { icc_profile: Some(swapping_profile()), ..Metadata::default() };
    let image = quarters(1024, 1024, 8);
    let mut file = heifer::encode_with_metadata(&image, &metadata, &EncodeOptions::default()).unwrap();
    let small = thumbnail(&mut file, 150, Limits::default()).unwrap();
    for picture in
        [small, whole(&file, 150, Limits::default()).unwrap(), whole(&file, 1024, Limits::default()).unwrap()]
    {
        assert_near(at(&picture, (0, 0)), [0, 255, 0]);
        // A quarter of linear light.
        assert_near(at(&picture, (1, 1)), [0, 0, 136]);
    }
}

#[test]
fn limits_hold_before_decoding() {
    let mut file = heic(&quarters(512, 512, 8));
    let few_bytes = Limits { bytes: file.len() - 1, ..Limits::default() };
    assert_eq!(whole(&file, 150, few_bytes), Err(Refusal::TooLarge));
    assert_eq!(thumbnail(&mut file, 150, few_bytes), Err(Refusal::TooLarge));
    let few_pixels = Limits { pixels: 512 * 512 - 1, ..Limits::default() };
    assert_eq!(whole(&file, 150, few_pixels), Err(Refusal::TooLarge));
}

#[test]
fn what_is_no_photo_says_so() {
    assert_eq!(whole(b"GIF89a, or so it says", 150, Limits::default()), Err(Refusal::Unsupported));
    let file = heic(&quarters(512, 512, 8));
    assert_eq!(whole(&file[..file.len() / 2], 150, Limits::default()), Err(Refusal::Broken));
}

#[test]
fn no_truncation_and_no_flipped_byte_brings_it_down() {
    let file = heic(&quarters(96, 64, 8));
    for end in 0..file.len() {
        let _ = thumbnail(&mut file[..end].to_vec(), 50, Limits::default());
        assert!(whole(&file[..end], 8, Limits::default()).is_err());
    }
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x55;
        let _ = thumbnail(&mut damaged, 50, Limits::default());
        let _ = whole(&damaged, 8, Limits::default());
    }
}

#[test]
#[expect(unsafe_code, reason = "the exports take raw memory")]
fn the_exports_carry_a_file_in_and_pixels_out() {
    let file = heic(&quarters(512, 512, 8));
    assert!(abi::alloc(0).is_null());
    assert!(abi::alloc(Limits::default().bytes + 1).is_null());
    let room = abi::alloc(file.len());
    assert!(!room.is_null());
    // SAFETY: `room` comes from `alloc` with this length, is freed once and last, and a reply is read before the next call.
    unsafe {
        std::ptr::copy_nonoverlapping(file.as_ptr(), room, file.len());
        for reply in [abi::decode_thumbnail(room, file.len(), 150), abi::decode(room, file.len(), 150)] {
            let reply = &*reply;
            assert_eq!((reply.status, reply.length), (0, (reply.width * reply.height * 4) as usize));
            let first = std::slice::from_raw_parts(reply.pixels, 3);
            assert_near(first.try_into().unwrap(), [255, 0, 0]);
        }
        room.write_bytes(0, file.len());
        assert_eq!((*abi::decode(room, file.len(), 150)).status, Refusal::Unsupported as u32);
        abi::free(room, file.len());
    }
}

/// The project's own media: tests run in the folder of their package.
fn own_data() -> PathBuf {
    PathBuf::from("../../end2end/media")
}

/// More media, among them photographs of real phones, which are not part of the project: where `HELIOGRAPH_TEST_DATA`
/// says, or beside the project. `None` with a note where they are not to be had.
fn further_data() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    if let Some(named) = std::env::var_os("HELIOGRAPH_TEST_DATA") {
        let named = PathBuf::from(named);
        assert!(named.is_dir(), "HELIOGRAPH_TEST_DATA: {} is no folder", named.display());
        return Some(named);
    }
    let beside = Path::new("../../../shared/data");
    if beside.is_dir() {
        return Some(beside.to_owned());
    }
    eprintln!("{} is absent: real photos are not tried", beside.display());
    None
}

#[test]
fn the_projects_photo_fills_the_box() {
    let file = std::fs::read(own_data().join("photo.heic")).unwrap();
    let large = whole(&file, 150, Limits::default()).unwrap();
    assert!(large.width.min(large.height) >= 128, "{}x{}", large.width, large.height);
    assert_eq!(large.rgba.len(), (large.width * large.height * 4) as usize);
}

#[test]
fn real_photos_are_upright_and_fill_the_box() {
    let Some(folder) = further_data() else { return };
    let expected = [
        ("arrow.heic", Some((240, 320)), true),
        ("xiaomi.heic", None, false),
        ("example.heic", Some((320, 212)), false),
        ("empty_icc.heic", None, false),
        ("RGBA_8__128x128.heif", None, false),
        ("RGB_10__128x128.heif", None, false),
    ];
    for (name, embedded, tall) in expected {
        let mut file = std::fs::read(folder.join("heic").join(name)).unwrap();
        let small = thumbnail(&mut file, 150, Limits::default());
        assert_eq!(small.as_ref().ok().map(|picture| (picture.width, picture.height)), embedded, "{name}");
        let large = whole(&file, 150, Limits::default()).unwrap();
        assert!(large.width.min(large.height) >= 128, "{name}");
        assert_eq!(large.height > large.width, tall, "{name}");
        if let Ok(small) = small {
            for quarter in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (a, b) = (mean(&small, quarter), mean(&large, quarter));
                assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 6), "{name}: {a:?} is not near {b:?}");
            }
        }
        let full = heifer::decode_srgb_rgba8(&file, &heifer::Options::default())
            .or_else(|_| heifer::decode_rgba8(&file, &heifer::Options::default()))
            .unwrap();
        let (width, height, has_alpha) = (full.width, full.height, full.has_alpha);
        let full = Pixels { width, height, rgba: full.data };
        for quarter in [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().filter(|_| !has_alpha) {
            let (a, b) = (mean(&full, quarter), mean(&large, quarter));
            assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 3), "{name}: {a:?} is not near {b:?}");
        }
    }
}

fn mean(picture: &Pixels, (column, row): (u32, u32)) -> [u8; 3] {
    let (width, height) = (picture.width / 2, picture.height / 2);
    let mut sums = [0u64; 3];
    for y in row * height..(row + 1) * height {
        for x in column * width..(column + 1) * width {
            let at = ((y * picture.width + x) * 4) as usize;
            sums.iter_mut().zip(&picture.rgba[at..]).for_each(|(sum, &value)| *sum += u64::from(value));
        }
    }
    sums.map(|sum| (sum / u64::from(width * height)) as u8)
}

#[test]
fn hostile_files_are_answered() {
    for media in [Some(own_data()), further_data()].into_iter().flatten() {
        let mut answered = 0;
        for entry in std::fs::read_dir(media.join("hostile")).unwrap() {
            let path = entry.unwrap().path();
            let mut file = std::fs::read(&path).unwrap();
            let small = thumbnail(&mut file, 150, Limits::default());
            let large = whole(&file, 150, Limits::default());
            eprintln!("{}: {:?}, {:?}", path.display(), small.map(|_| ()), large.map(|_| ()));
            answered += 1;
        }
        assert!(answered > 0, "{} holds no hostile file", media.display());
    }
}
