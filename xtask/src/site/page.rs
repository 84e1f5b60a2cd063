//! The page's wasm as files: what every screen needs, and beside it one file for each lazy route.
//!
//! Two tools work one after the other. `wasm-split` takes the lazy routes out and writes the script that loads them;
//! `wasm-bindgen` makes the glue code of what is left. The two scripts import each other.

use super::{Manifest, copy_folder, hash, remove, write_hashed};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// How the two scripts name each other until the hash of their content is known.
const GLUE: &str = "./frontend.js";
const LOADER: &str = "./parts.js";

/// Goes before the loader: a part that does not come is asked for again, since a bad connection is no reason to lose a
/// page. A part that is gone belongs to an older version, which the browser is then done with.
const PATIENT_FETCH: &str = "\
async function patientFetch(url) {
    for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
        const answer = await fetch(url).catch(() => undefined);
        if (answer?.ok) return answer;
        if (answer?.status === 404) location.reload();
        await new Promise((resolve) => setTimeout(resolve, wait));
    }
}
";

/// Writes the page's files to `pkg`, and `parts.json`: the files by lazy route, which the server names in the
/// document so that they load beside the rest.
pub(super) fn bundle(wasm: &Path, pkg: &Path, manifest: &mut Manifest) -> Result<()> {
    let glue = pkg.with_file_name("glue");
    let prefetch = split(wasm, &glue)?;
    Bindgen::new()
        .input_path(glue.join("frontend.wasm"))
        .out_name("frontend")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        // The parts are linked by what wasm-ld exports.
        .keep_lld_exports(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&glue)
        .context("wasm-bindgen cannot process the page's wasm")?;

    let main = fs::read(glue.join("frontend_bg.wasm"))?;
    let main = write_hashed(pkg, "frontend_bg", "wasm", &main)?;
    let script = fs::read_to_string(glue.join("frontend.js"))?;
    let script = replaced(&script, "'frontend_bg.wasm'", &format!("'{}'", file_name(&main)))?;

    let mut loader = fs::read_to_string(glue.join("parts.js"))?;
    let mut hashed = HashMap::new();
    for file in fs::read_dir(&glue)? {
        let path = file?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "wasm") || name.starts_with("frontend") {
            continue;
        }
        let part = without_names(&fs::read(&path)?).with_context(|| format!("{name} is no wasm"))?;
        let part = write_hashed(pkg, &short(&name), "wasm", &part)?;
        loader = replaced(&loader, &format!("./{name}.wasm"), &format!("./{}", file_name(&part)))?;
        hashed.insert(name, file_name(&part).trim_end_matches(".wasm").to_owned());
    }
    let loader = PATIENT_FETCH.to_owned() + &replaced(&loader, "fetch(new URL(", "patientFetch(new URL(")?;

    let version = hash(&[script.as_bytes(), loader.as_bytes()]);
    let (script_name, loader_name) = (format!("frontend.{version}.js"), format!("parts.{version}.js"));
    // Only the address changes: what the wasm imports goes on by its own name.
    let from = |name: &str| format!("from \"{name}\"");
    let script = replaced(&script, &from(LOADER), &from(&format!("./{loader_name}")))?;
    let loader = replaced(&loader, &from(GLUE), &from(&format!("./{script_name}")))?;
    fs::write(pkg.join(&script_name), script)?;
    fs::write(pkg.join(&loader_name), loader)?;
    manifest.insert("frontend.wasm".to_owned(), main);
    manifest.insert("frontend.js".to_owned(), format!("/pkg/{script_name}"));
    manifest.insert("parts.js".to_owned(), format!("/pkg/{loader_name}"));

    let parts: BTreeMap<_, Vec<_>> = prefetch
        .into_iter()
        .map(|(route, files)| (route, files.iter().filter_map(|file| hashed.get(file)).collect()))
        .collect();
    fs::write(pkg.join("parts.json"), serde_json::to_vec_pretty(&parts)?)?;
    // Scripts that crates bring along; their folders are named after a hash already.
    copy_folder(&glue.join("snippets"), &pkg.join("snippets"))?;
    remove(&glue)
}

/// Takes the lazy routes out of `wasm`; answers with the names of their files by route.
fn split(wasm: &Path, folder: &Path) -> Result<HashMap<String, Vec<String>>> {
    let input = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let main = folder.join("frontend.wasm");
    let mut options = wasm_split_cli_support::Options::new(&input);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.main_module = GLUE;
    options.link_name = LOADER;
    let split = wasm_split_cli_support::transform(options).map_err(|error| {
        anyhow::anyhow!("the lazy routes cannot be taken out of the page's wasm: {error:#}")
    })?;
    Ok(split.prefetch_map)
}

/// A part without its custom sections. They hold names for people who look for faults, more than half of its bytes;
/// those of the page itself are removed by `wasm-bindgen`.
fn without_names(wasm: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let (header, mut rest) = wasm.split_at_checked(HEADER)?;
    let mut bare = header.to_vec();
    while let Some((id, behind)) = rest.split_first() {
        let (length, content) = unsigned(behind)?;
        let (section, next) = rest.split_at_checked(rest.len() - content.len() + length)?;
        if *id != CUSTOM {
            bare.extend_from_slice(section);
        }
        rest = next;
    }
    Some(bare)
}

/// A number as wasm writes it, seven bits a byte from the lowest on, and what stands behind it.
fn unsigned(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (digits, behind) = bytes.split_at(last + 1);
    Some((digits.iter().rev().fold(0, |value, digit| value << 7 | usize::from(digit & 0x7f)), behind))
}

/// `text` with the generated name exchanged for ours. That it is not there means that the tool writes it otherwise now.
fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    if !text.contains(from) {
        bail!("the generated script does not mention {from}; `site::page` must learn its new way");
    }
    Ok(text.replace(from, to))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name without the long number that tells routes of one name apart; the content's hash does that in a file's name.
fn short(name: &str) -> String {
    let name = name.trim_matches('_');
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    if short.len() < 3 { name.to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_keeps_everything_but_its_names() {
        let header = b"\0asm\x01\0\0\0";
        let long = [&[10, 0x80, 0x01][..], &[7; 128]].concat();
        let names = [0, 5, 4, b'n', b'a', b'm', b'e'];
        let part = [&header[..], &[1, 1, 0], &names, &long, &names].concat();
        assert_eq!(without_names(&part), Some([&header[..], &[1, 1, 0], &long].concat()));
        assert_eq!(without_names(&part[..part.len() - 1]), None, "it ends too early");
        assert_eq!(without_names(b"<html"), None);
    }
}
