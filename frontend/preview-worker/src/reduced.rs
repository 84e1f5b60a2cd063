//! The short way to a small picture: each tile is shrunk as soon as it is decoded.
//!
//! Colours are converted after shrinking, the full picture never exists, and at a quarter of the
//! size or less nobody sees that the coding's smoothing filters were left out (they work on the
//! finished tile, so nothing else depends on them).

use heifer::Image;
use heifer::color::ColorParams;
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
pub(crate) fn decode(
    heif: &HeifFile<'_>,
    cover: u32,
    most_pixels: u64,
) -> Option<Result<Image<u8>, Refusal>> {
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
        let (tile_width, tile_height) =
            ((self.tile.0 / self.factor) as usize, (self.tile.1 / self.factor) as usize);
        let mut canvas = Image::<u8>::filled_samples(width as u32, height as u32, 8, [255; 4]);
        let options =
            DecodeOptions { skip_loop_filters: true, max_pixels: most_pixels, ..Default::default() };
        for (index, &id) in self.tiles.iter().enumerate() {
            let stream = heif.hevc_bitstream(id).map_err(heifer::Error::from)?;
            let frame = decode_picture(&stream, options).map_err(heifer::Error::from)?;
            if frame.widths[0] < self.tile.0 || frame.heights[0] < self.tile.1 {
                return Err(Refusal::Broken);
            }
            let (left, top) = (index % self.columns * tile_width, index / self.columns * tile_height);
            let (across, down) = (width.saturating_sub(left), height.saturating_sub(top));
            let small = Shrunk::of(&frame, self.factor, colours(heif, id, &frame));
            for row in 0..small.height.min(tile_height).min(down) {
                let from = row * small.width;
                let to = ((top + row) * width + left) * 4;
                let pixels =
                    canvas.data[to..].chunks_exact_mut(4).take(small.width.min(tile_width).min(across));
                for (column, pixel) in pixels.enumerate() {
                    pixel[..3].copy_from_slice(&small.rgb(from + column));
                }
            }
        }
        Ok(canvas)
    }
}

/// A frame with every plane at `1 / factor` of the luma's size, as fractions of full brightness.
struct Shrunk {
    width: usize,
    height: usize,
    /// Luma from 0 to 1, colour differences from -0.5 to 0.5; none in a grey picture.
    planes: [Vec<f32>; 3],
    matrix: u16,
}

impl Shrunk {
    fn of(frame: &Frame, factor: u32, colours: ColorParams) -> Self {
        let (width, height) = ((frame.widths[0] / factor) as usize, (frame.heights[0] / factor) as usize);
        let planes = [0, 1, 2].map(|plane| {
            if frame.planes[plane].is_empty() {
                return vec![0.0; width * height];
            }
            let across = factor * frame.widths[plane] / frame.widths[0];
            let down = factor * frame.heights[plane] / frame.heights[0];
            let depth = u32::from(frame.bit_depth[plane.min(1)]);
            // ITU-T H.273, 8.3: the levels of black, or of no colour, and the span above it.
            let unit = (1u32 << (depth - 8)) as f32;
            let (zero, span) = match (colours.full_range, plane) {
                (true, 0) => (0.0, ((1u32 << depth) - 1) as f32),
                (true, _) => ((1u32 << (depth - 1)) as f32, ((1u32 << depth) - 1) as f32),
                (false, 0) => (16.0 * unit, 219.0 * unit),
                (false, _) => (128.0 * unit, 224.0 * unit),
            };
            let size = (width, height);
            means(&frame.planes[plane], frame.widths[plane] as usize, size, (across as usize, down as usize))
                .into_iter()
                .map(|mean| (mean - zero) / span)
                .collect()
        });
        Self { width, height, planes, matrix: colours.matrix }
    }

    fn rgb(&self, index: usize) -> [u8; 3] {
        let [y, blue, red] = [0, 1, 2].map(|plane| self.planes[plane][index]);
        let (kr, kb) = match self.matrix {
            0 => return [red + 0.5, y, blue + 0.5].map(byte),
            1 => (0.2126, 0.0722),
            9 | 10 => (0.2627, 0.0593),
            _ => (0.299, 0.114),
        };
        let (red, blue) = (2.0 * (1.0 - kr) * red, 2.0 * (1.0 - kb) * blue);
        [y + red, y - (kr * red + kb * blue) / (1.0 - kr - kb), y + blue].map(byte)
    }
}

/// A cast from float saturates, which is what values past black and white need.
fn byte(fraction: f32) -> u8 {
    (fraction * 255.0 + 0.5) as u8
}

/// The mean of every `across` by `down` samples.
fn means(
    plane: &[u16],
    stride: usize,
    (width, height): (usize, usize),
    (across, down): (usize, usize),
) -> Vec<f32> {
    let scale = 1.0 / (across * down).max(1) as f32;
    let mut sums = vec![0u32; width];
    let mut small = Vec::with_capacity(width * height);
    for band in plane.chunks_exact((stride * down).max(1)).take(height) {
        sums.fill(0);
        for row in band.chunks_exact(stride) {
            for (sum, samples) in sums.iter_mut().zip(row.chunks_exact(across.max(1))) {
                *sum += samples.iter().map(|&sample| u32::from(sample)).sum::<u32>();
            }
        }
        small.extend(sums.iter().map(|&sum| sum as f32 * scale));
    }
    small.resize(width * height, 0.0);
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
    let names_alpha = |property: &Property| matches!(property, Property::AuxiliaryType(kind) if kind.contains("alpha") || kind.ends_with("auxid:1"));
    heif.referencing_items(id, b"auxl")
        .into_iter()
        .any(|other| heif.item_properties(other).map_or(true, |mut properties| properties.any(names_alpha)))
}
