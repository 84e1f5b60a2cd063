//! Photographs: the project's own, and those of real phones. The latter are not part of the project; what needs them
//! begins with [`further_data`], and its case is covered by pictures made in `made` as well.

use std::fs::{self, File};

use image::RgbImage;
use picture::Budget;
use picture_worker::{Developed, PictureError, Wanted};

use crate::{checked, develop_bytes, develop_file, further_data, own_data};

fn developed(folder: &std::path::Path, name: &str) -> Developed {
    let file = File::open(folder.join(name)).unwrap();
    develop_file(&file, &Wanted::usual(Budget::CARRIER)).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// Mean difference of two pictures of one size, per channel, out of 255.
fn difference(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: u64 = one.iter().zip(other.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn the_projects_photos_come_out_whole() {
    for (name, width, height) in [
        ("photo.heic", 1200, 1600),
        ("photo.jpg", 1200, 1600),
        ("photo.webp", 800, 600),
        ("alpha.png", 800, 600),
        ("anim.gif", 480, 360),
    ] {
        let developed = developed(&own_data(), name);
        assert_eq!((developed.width, developed.height), (width, height), "{name}");
        checked(&developed);
    }
}

#[test]
fn phone_photos_come_out_whole() {
    let Some(folder) = further_data() else { return };
    for (name, width, height) in [
        ("heic/arrow.heic", 3024, 4032),
        ("heic/xiaomi.heic", 2592, 1944),
        ("heic/example.heic", 1280, 854),
        ("heic/empty_icc.heic", 1025, 900),
        ("heic/RGBA_8__128x128.heif", 128, 128),
        ("heic/RGB_10__128x128.heif", 128, 128),
        ("made/alpha.png", 800, 600),
        ("made/anim.gif", 480, 360),
        ("made/gray.png", 64, 64),
        ("made/photo.webp", 800, 600),
    ] {
        let developed = developed(&folder, name);
        assert_eq!((developed.width, developed.height), (width, height), "{name}");
        checked(&developed);
    }
}

#[test]
fn all_orientations_of_one_scene_look_the_same() {
    let Some(folder) = further_data() else { return };
    for shape in ["Landscape", "Portrait"] {
        let upright = checked(&developed(&folder, &format!("jpeg/{shape}_1.jpg")));
        for value in [3, 6, 8] {
            let turned = checked(&developed(&folder, &format!("jpeg/{shape}_{value}.jpg")));
            let difference = difference(&upright, &turned);
            // The files differ in the number drawn on them; turned wrongly they differ by dozens.
            assert!(difference < 8.0, "{shape}_{value} differs by {difference}");
        }
    }
}

#[test]
fn noise_is_fitted_into_a_small_budget() {
    let Some(folder) = further_data() else { return };
    let file = File::open(folder.join("made/noisy.jpg")).unwrap();
    for bytes in [600_000, 300_000, 100_000, 20_000] {
        let developed = develop_file(&file, &Wanted::carrier(Budget::new(1024, bytes))).unwrap();
        let size = developed.renditions[0].bytes.len();
        assert!(size <= bytes && size > bytes / 3, "{size} bytes of {bytes}");
        checked(&developed);
    }
}

/// Of its two pictures the second one lacks its last byte; the one to show is all there.
#[test]
fn the_truncated_file_has_a_whole_picture_of_sixteen_pixels() {
    let Some(folder) = further_data() else { return };
    let developed = developed(&folder, "hostile/truncated.heic");
    assert_eq!((developed.width, developed.height), (16, 16));
    let cut = fs::read(folder.join("hostile/truncated.heic")).unwrap();
    // The first picture's data end where the second one's begin.
    let error = develop_bytes(&cut[..1647]).map(drop).unwrap_err();
    assert!(matches!(error, PictureError::Broken { .. }), "{error:?}");
}
