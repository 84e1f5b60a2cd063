//! The short way to a small picture: each tile is shrunk as soon as it is decoded.
//!
//! Colours are converted after shrinking, the full picture never exists, and at a quarter of the
//! size or less nobody sees that the coding's smoothing filters were left out (they work on the
//! finished tile, so nothing else depends on them).

use heifer::Image;
use heifer::color::{ColorParams, frame_to_rgba_as};
use heifer::heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer::heifer_hevc_dec::recon::Frame;
use heifer::heifer_isobmff::boxes::{ColorInfo, Property};
use heifer::heifer_isobmff::{HeifFile, ItemId};

use crate::Refusal;
use crate::colour::Conversion;

/// Least factor by which the short way shrinks.
const LEAST: u32 = 4;

/// Decodes the primary item at half, a quarter, … of its size, as far as the shorter side stays at
/// least `cover` pixels. None where the picture is not of the kind that this way can go: opaque,
/// one coded image or a grid of them, no crop, colours that [`Conversion`] knows.
pub(crate) fn decode(heif: &HeifFile<'_>, cover: u32, most_pixels: u64) -> Option<Result<Image<u8>, Refusal>> {
    let primary = heif.primary_id;
    let plan = Plan::of(heif, cover)?;
    let conversion = Conversion::of(heif, primary, *plan.tiles.first()?)?;
    Some(plan.run(heif, most_pixels).map(|mut image| {
        conversion.apply(&mut image.data);
        turned(heif, primary, image)
    }))
}

struct Plan {
    tiles: Vec<ItemId>,
    columns: usize,
    /// Of the whole picture and of one tile, in coded pixels.
    size: (u32, u32),
    tile: (u32, u32),
    factor: u32,
}

impl Plan {
    fn of(heif: &HeifFile<'_>, cover: u32) -> Option<Self> {
        let primary = heif.primary_id;
        let (tiles, columns, size) = match &heif.item(primary).ok()?.item_type.0 {
            b"hvc1" => (vec![primary], 1, heif.image_size(primary).ok()??),
            b"grid" => {
                let grid = heif.grid(primary).ok()?;
                let tiles = heif.referenced_items(primary, b"dimg").to_vec();
                let whole = tiles.len() == usize::from(grid.rows) * usize::from(grid.columns);
                if !whole || tiles.iter().any(|&tile| !is_plain(heif, tile)) {
                    return None;
                }
                (tiles, usize::from(grid.columns), (grid.output_width, grid.output_height))
            }
            _ => return None,
        };
        if has_alpha(heif, primary) || is_cropped(heif, primary) {
            return None;
        }
        let tile = heif.image_size(*tiles.first()?).ok()??;
        let wanted = size.0.min(size.1) / cover.max(1);
        let factor = 1u32.checked_shl(wanted.checked_ilog2()?)?.min(32);
        // Shrunk tiles must still meet without a seam.
        let meets = tiles.len() == 1 || (tile.0.is_multiple_of(factor) && tile.1.is_multiple_of(factor));
        let rows = tiles.len() / columns;
        let covers = u64::from(tile.0) * columns as u64 >= u64::from(size.0)
            && u64::from(tile.1) * rows as u64 >= u64::from(size.1);
        (factor >= LEAST && meets && covers).then_some(Self { tiles, columns, size, tile, factor })
    }

    fn run(&self, heif: &HeifFile<'_>, most_pixels: u64) -> Result<Image<u8>, Refusal> {
        let (width, height) = ((self.size.0 / self.factor) as usize, (self.size.1 / self.factor) as usize);
        let (tile_width, tile_height) = ((self.tile.0 / self.factor) as usize, (self.tile.1 / self.factor) as usize);
        let mut canvas = Image::<u8>::filled_samples(width as u32, height as u32, 8, [255; 4]);
        let options = DecodeOptions { skip_loop_filters: true, max_pixels: most_pixels, ..Default::default() };
        for (index, &id) in self.tiles.iter().enumerate() {
            let stream = heif.hevc_bitstream(id).map_err(heifer::Error::from)?;
            let frame = decode_picture(&stream, options).map_err(heifer::Error::from)?;
            if frame.widths[0] < self.tile.0 || frame.heights[0] < self.tile.1 {
                return Err(Refusal::Broken);
            }
            let small = frame_to_rgba_as::<u8>(&shrunk(&frame, self.factor), colours(heif, id, &frame));
            let (left, top) = (index % self.columns * tile_width, index / self.columns * tile_height);
            let across = tile_width.min(width.saturating_sub(left));
            for row in 0..tile_height.min(height.saturating_sub(top)) {
                let from = row * small.width as usize * 4;
                let to = ((top + row) * width + left) * 4;
                canvas.data[to..to + across * 4].copy_from_slice(&small.data[from..from + across * 4]);
            }
        }
        Ok(canvas)
    }
}

/// The frame with every plane at `1 / factor` of the luma's size, which no longer subsamples colour.
fn shrunk(frame: &Frame, factor: u32) -> Frame {
    let (width, height) = (frame.widths[0] / factor, frame.heights[0] / factor);
    let mut small = Frame {
        widths: [0; 3],
        heights: [0; 3],
        planes: [Vec::new(), Vec::new(), Vec::new()],
        chroma_format: if frame.planes[1].is_empty() { 0 } else { 3 },
        ..*frame
    };
    for plane in 0..3 {
        if frame.planes[plane].is_empty() {
            continue;
        }
        let across = factor * frame.widths[plane] / frame.widths[0];
        let down = factor * frame.heights[plane] / frame.heights[0];
        small.planes[plane] = means(&frame.planes[plane], frame.widths[plane], (width, height), (across, down));
        (small.widths[plane], small.heights[plane]) = (width, height);
    }
    small
}

/// The mean of every `across` by `down` samples.
fn means(plane: &[u16], stride: u32, (width, height): (u32, u32), (across, down): (u32, u32)) -> Vec<u16> {
    let (stride, width, across) = (stride as usize, width as usize, across as usize);
    let count = across as u32 * down;
    let mut sums = vec![0u32; width];
    let mut small = Vec::with_capacity(width * height as usize);
    for band in plane.chunks_exact(stride * down as usize).take(height as usize) {
        sums.fill(0);
        for row in band.chunks_exact(stride) {
            for (sum, samples) in sums.iter_mut().zip(row.chunks_exact(across)) {
                *sum += samples.iter().map(|&sample| u32::from(sample)).sum::<u32>();
            }
        }
        small.extend(sums.iter().map(|sum| ((sum + count / 2) / count) as u16));
    }
    small
}

fn colours(heif: &HeifFile<'_>, id: ItemId, frame: &Frame) -> ColorParams {
    let named = heif.item_properties(id).ok().and_then(|mut properties| {
        properties.find_map(|property| match property {
            Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => {
                Some(ColorParams { matrix: *matrix, full_range: *full_range })
            }
            _ => None,
        })
    });
    named.unwrap_or_else(|| ColorParams::from_frame(frame))
}

fn turned(heif: &HeifFile<'_>, id: ItemId, mut image: Image<u8>) -> Image<u8> {
    let Ok(properties) = heif.item_properties(id) else { return image };
    for property in properties {
        match *property {
            Property::Rotation(quarters @ 1..) => image = image.rotate_ccw(quarters),
            Property::Mirror(top_bottom) => image = image.mirror(top_bottom),
            _ => {}
        }
    }
    image
}

/// Whether a tile is coded pixels and nothing else.
fn is_plain(heif: &HeifFile<'_>, id: ItemId) -> bool {
    let turns = |property: &Property| matches!(property, Property::Rotation(1..) | Property::Mirror(_));
    heif.item(id).is_ok_and(|item| item.item_type.0 == *b"hvc1")
        && !has_alpha(heif, id)
        && !is_cropped(heif, id)
        && heif.item_properties(id).is_ok_and(|mut properties| !properties.any(turns))
}

fn is_cropped(heif: &HeifFile<'_>, id: ItemId) -> bool {
    let crops = |property: &Property| matches!(property, Property::CleanAperture { .. });
    heif.item_properties(id).map_or(true, |mut properties| properties.any(crops))
}

fn has_alpha(heif: &HeifFile<'_>, id: ItemId) -> bool {
    let names_alpha =
        |property: &Property| matches!(property, Property::AuxiliaryType(kind) if kind.contains("alpha") || kind.ends_with("auxid:1"));
    heif.referencing_items(id, b"auxl")
        .into_iter()
        .any(|other| heif.item_properties(other).map_or(true, |mut properties| properties.any(names_alpha)))
}
