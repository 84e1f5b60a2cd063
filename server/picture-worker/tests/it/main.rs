//! Real files through the real child process.

#![expect(clippy::unwrap_used, reason = "a test may end where its ground is missing")]

mod forms;
mod hostile;
mod limits;
mod made;
mod real;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use image::RgbImage;
use picture::Budget;
use picture_worker::{Developed, PictureError, PictureWorker, Role, Wanted};

fn develop_file(file: &File, wanted: &Wanted) -> Result<Developed, PictureError> {
    PictureWorker::new(env!("CARGO_BIN_EXE_picture-worker").into()).develop(file, wanted)
}

fn develop_bytes(bytes: &[u8]) -> Result<Developed, PictureError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    develop_file(&file, &Wanted::usual(Budget::CARRIER))
}

/// What must hold for whatever was developed; returns the pixels of the carrier copy.
fn checked(developed: &Developed) -> RgbImage {
    let mut carrier = None;
    for copy in &developed.renditions {
        let pixels = image::load_from_memory_with_format(&copy.bytes, image::ImageFormat::Jpeg).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (copy.width, copy.height));
        assert!(
            copy.width <= developed.width && copy.height <= developed.height,
            "{:?} was enlarged",
            copy.role
        );
        let markers: Vec<u8> = picture::jpeg_segments(&copy.bytes).map(|(marker, _)| marker).collect();
        assert!(markers.contains(&0xC0), "{:?} is not baseline: {markers:x?}", copy.role);
        assert!(
            !markers.iter().any(|marker| matches!(marker, 0xE1..=0xEF | 0xFE)),
            "{:?} carries metadata: {markers:x?}",
            copy.role
        );
        if copy.role == Role::Carrier {
            assert!(copy.width.max(copy.height) <= 1024 && copy.bytes.len() <= 600_000);
            carrier = Some(pixels.into_rgb8());
        }
    }
    carrier.expect("a carrier copy was wanted")
}

/// The shared test media, or `None` with a note where they are not to be had.
fn shared_data() -> Option<PathBuf> {
    let folder = option_env!("HELIOGRAPH_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no test media in {}", folder.display());
    None
}

fn close(pixel: image::Rgb<u8>, wanted: [u8; 3], tolerance: u8) -> bool {
    pixel.0.iter().zip(wanted).all(|(value, wanted)| value.abs_diff(wanted) <= tolerance)
}
