//! Files that were made or found to harm a decoder.

use std::fs::{self, File};

use picture::Budget;
use picture_worker::{PictureError, PictureWorker, Wanted};

use crate::{checked, develop_bytes, develop_file, shared_data};

#[test]
fn every_hostile_file_ends_in_a_picture_or_in_words() {
    let Some(folder) = shared_data() else { return };
    for entry in fs::read_dir(folder.join("hostile")).unwrap() {
        let path = entry.unwrap().path();
        match develop_file(&File::open(&path).unwrap(), &Wanted::usual(Budget::CARRIER)) {
            Ok(developed) => drop(checked(&developed)),
            Err(error) => {
                assert!(!error.is_temporary(), "{}: {error:?}", path.display());
                assert!(error.to_string().len() > 30, "{}: {error}", path.display());
            }
        }
    }
}

/// Of its two pictures the second one lacks its last byte; the one to show is all there.
#[test]
fn the_shared_truncated_file_has_a_whole_picture_of_sixteen_pixels() {
    let Some(folder) = shared_data() else { return };
    let file = File::open(folder.join("hostile/truncated.heic")).unwrap();
    let developed = develop_file(&file, &Wanted::usual(Budget::CARRIER)).unwrap();
    assert_eq!((developed.width, developed.height), (16, 16));
    let cut = fs::read(folder.join("hostile/truncated.heic")).unwrap();
    // The first picture's data end where the second one's begin.
    let error = develop_bytes(&cut[..1647]).map(drop).unwrap_err();
    assert!(matches!(error, PictureError::Broken { .. }), "{error:?}");
}

#[test]
fn a_bomb_is_too_large_and_a_web_page_is_named() {
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bomb.extend([60_000u32.to_be_bytes(), 60_000u32.to_be_bytes()].concat());
    assert!(matches!(develop_bytes(&bomb), Err(PictureError::TooLarge { .. })));
    let page = develop_bytes(b"<html><script>alert(1)</script>").unwrap_err();
    assert!(page.to_string().starts_with("This is a web page"), "{page}");
    assert!(matches!(develop_bytes(b""), Err(PictureError::Broken { .. })));
}

/// A child that answers nothing, or nonsense, must not be believed or waited for.
#[test]
fn another_program_in_place_of_the_child_is_not_believed() {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"\xFF\xD8\xFF\xE0 and so on").unwrap();
    for program in ["/bin/true", "/bin/false", "/bin/cat"] {
        let answer = PictureWorker::new(program.into()).develop(&file, &Wanted::usual(Budget::CARRIER));
        assert!(matches!(answer, Err(PictureError::Died { .. })), "{program}: {answer:?}");
    }
    let missing = PictureWorker::new("/nowhere".into()).develop(&file, &Wanted::usual(Budget::CARRIER)).unwrap_err();
    assert!(missing.is_temporary(), "{missing:?}");
}
