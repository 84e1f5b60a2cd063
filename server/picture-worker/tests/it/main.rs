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
    println!("without further media: {} is not there", beside.display());
    None
}

/// Every file of a folder that the project's own media and the further ones have.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for media in [Some(own_data()), further_data()].into_iter().flatten() {
        let folder = media.join(folder);
        let files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        assert!(!files.is_empty(), "{} holds no file", folder.display());
        all.extend(files);
    }
    all
}

fn close(pixel: image::Rgb<u8>, wanted: [u8; 3], tolerance: u8) -> bool {
    pixel.0.iter().zip(wanted).all(|(value, wanted)| value.abs_diff(wanted) <= tolerance)
}
