//! Files that were made or found to harm a decoder.

use std::fs::{self, File};

use picture::Budget;
use picture_worker::{PictureError, PictureWorker, Wanted};

use crate::{checked, develop_bytes, develop_file, files, own_data};

#[test]
fn every_hostile_file_ends_in_a_picture_or_in_words() {
    for path in files("hostile") {
        match develop_file(&File::open(&path).unwrap(), &Wanted::usual(Budget::CARRIER)) {
            Ok(developed) => drop(checked(&developed)),
            Err(error) => {
                assert!(!error.is_temporary(), "{}: {error:?}", path.display());
                assert!(error.to_string().len() > 30, "{}: {error}", path.display());
            }
        }
    }
}

#[test]
fn a_photo_that_broke_off_ends_in_a_picture_or_in_words() {
    for name in ["photo.heic", "photo.jpg", "photo.webp", "alpha.png", "anim.gif"] {
        let whole = fs::read(own_data().join(name)).unwrap();
        for kept in [whole.len() - 1, whole.len() / 2, 64] {
            match develop_bytes(&whole[..kept]) {
                Ok(developed) => drop(checked(&developed)),
                Err(error) => assert!(!error.is_temporary(), "{name} to {kept}: {error:?}"),
            }
        }
    }
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
    let missing =
        PictureWorker::new("/nowhere".into()).develop(&file, &Wanted::usual(Budget::CARRIER)).unwrap_err();
    assert!(missing.is_temporary(), "{missing:?}");
}
