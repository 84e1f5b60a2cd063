//! What the container says before any pixel is decoded.

use heifer::heifer_isobmff::boxes::Property;
use heifer::heifer_isobmff::{HeifFile, ItemId};

use crate::Refusal;

/// The thumbnail that can stand for the picture: the smallest that fills a square box with sides
/// of `cover` pixels, else the largest.
///
/// One that is turned otherwise than the picture, or lacks the picture's colour profile, would
/// show something else than what is sent, and does not count.
pub(crate) fn thumbnail(heif: &HeifFile<'_>, cover: u32) -> Option<ItemId> {
    let turns = turns(heif, heif.primary_id)?;
    let profiled = has_profile(heif, heif.primary_id);
    let sizes = heif.referencing_items(heif.primary_id, b"thmb").into_iter().filter_map(|id| {
        let same = self::turns(heif, id)? == turns && (!profiled || has_profile(heif, id));
        let (width, height) = heif.image_size(id).ok()??;
        same.then_some((width.min(height), id))
    });
    let (enough, small): (Vec<_>, Vec<_>) = sizes.partition(|&(side, _)| side >= cover);
    enough.into_iter().min().or(small.into_iter().max()).map(|(_, id)| id)
}

/// Refuses a picture that claims more pixels than `most`, by the sizes that the container names.
pub(crate) fn check_size(heif: &HeifFile<'_>, most: u64) -> Result<(), Refusal> {
    let named = heif.image_size(heif.primary_id).ok().flatten();
    let grid = heif.grid(heif.primary_id).ok().map(|grid| (grid.output_width, grid.output_height));
    let too_large = [named, grid].into_iter().flatten().any(|(w, h)| u64::from(w) * u64::from(h) > most);
    if too_large { Err(Refusal::TooLarge) } else { Ok(()) }
}

/// How an item is turned and mirrored, in order.
fn turns(heif: &HeifFile<'_>, id: ItemId) -> Option<Vec<Property>> {
    let properties = heif.item_properties(id).ok()?;
    let turn = |property: &&Property| matches!(property, Property::Rotation(1..) | Property::Mirror(_));
    Some(properties.filter(turn).cloned().collect())
}

fn has_profile(heif: &HeifFile<'_>, id: ItemId) -> bool {
    matches!(heif.icc_profile(id), Ok(Some(_)))
}

/// Where a file says which of its items is the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PrimaryItemField {
    offset: usize,
    wide: bool,
}

impl PrimaryItemField {
    /// Writes the item's number; false where it does not fit.
    pub(crate) fn write(self, file: &mut [u8], id: ItemId) -> bool {
        if self.wide {
            let Some(field) = file.get_mut(self.offset..self.offset + 4) else { return false };
            field.copy_from_slice(&id.to_be_bytes());
        } else {
            let Ok(id) = u16::try_from(id) else { return false };
            let Some(field) = file.get_mut(self.offset..self.offset + 2) else { return false };
            field.copy_from_slice(&id.to_be_bytes());
        }
        true
    }
}

/// Finds the `pitm` box of the `meta` box (ISO/IEC 14496-12, 8.11.4).
pub(crate) fn primary_item_field(file: &[u8]) -> Option<PrimaryItemField> {
    let (start, end) = find_box(file, 0, file.len(), *b"meta")?;
    let (content, end) = find_box(file, start + 4, end, *b"pitm")?;
    let wide = *file.get(content)? != 0;
    let offset = content + 4;
    (offset + if wide { 4 } else { 2 } <= end).then_some(PrimaryItemField { offset, wide })
}

/// The content of the first box of this kind between two offsets, as (start, end).
fn find_box(file: &[u8], mut at: usize, end: usize, kind: [u8; 4]) -> Option<(usize, usize)> {
    while at < end {
        let short = u32::from_be_bytes(file.get(at..at + 4)?.try_into().ok()?);
        let (header, length) = match short {
            0 => (8, end - at),
            1 => (16, u64::from_be_bytes(file.get(at + 8..at + 16)?.try_into().ok()?).try_into().ok()?),
            length => (8, length as usize),
        };
        let next = at.checked_add(length).filter(|&next| next <= end && length >= header)?;
        if file.get(at + 4..at + 8)? == kind {
            return Some((at + header, next));
        }
        at = next;
    }
    None
}
