//! Whether anything that went into the site changed since.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A text that changes when one of `files` or something below `folders` does, by length and time of
/// change, which Cargo leaves alone when there was nothing to build.
pub(super) fn of(files: &[&Path], folders: &[&Path]) -> Result<String> {
    let mut all: Vec<PathBuf> = files.iter().map(|&file| file.to_owned()).collect();
    for folder in folders {
        all.extend(files_below(folder)?);
    }
    let mut text = String::new();
    for file in all {
        let metadata = fs::metadata(&file).with_context(|| format!("{} is missing", file.display()))?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
        text += &format!("{} {} {changed}\n", file.display(), metadata.len());
    }
    Ok(text)
}

/// Every file below `folder`, sorted; none where there is no such folder.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}
