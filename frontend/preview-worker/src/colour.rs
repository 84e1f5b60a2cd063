//! From a photo's own colours to sRGB.
//!
//! The decoder's own conversion is exact for any profile, runs over every coded pixel, and takes
//! longer than decoding them. This one knows what phones write (matrix profiles and the usual code
//! points), can wait until the picture is small, and leaves any other file to the decoder's.

use heifer::heifer_hevc_dec::nal::NalUnit;
use heifer::heifer_hevc_dec::params::ParameterSets;
use heifer::heifer_isobmff::boxes::{ColorInfo, Property};
use heifer::heifer_isobmff::{HeifFile, ItemId};

type Matrix = [[f32; 3]; 3];

const IDENTITY: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// XYZ relative to D50, where ICC profiles meet, to linear sRGB (Bradford adaptation).
const D50_TO_SRGB: Matrix = [
    [3.134_186, -1.617_209, -0.490_694],
    [-0.978_749, 1.916_13, 0.033_433],
    [0.071_964, -0.228_994, 1.405_754],
];

/// To linear sRGB from the linear light of other primaries with the white point D65
/// (ITU-T H.273, table 2; what is unspecified is taken for sRGB).
fn from_primaries(code_point: u16) -> Option<Matrix> {
    Some(match code_point {
        1 | 2 => IDENTITY,
        5 => [[1.044_043, -0.044_043, 0.0], [0.0, 1.0, 0.0], [0.0, 0.011_793, 0.988_207]],
        6 => [
            [0.939_542, 0.050_181, 0.010_277],
            [0.017_772, 0.965_793, 0.016_435],
            [-0.001_622, -0.004_37, 1.005_991],
        ],
        9 => [
            [1.660_491, -0.587_641, -0.072_85],
            [-0.124_55, 1.132_9, -0.008_349],
            [-0.018_151, -0.100_579, 1.118_73],
        ],
        12 => [[1.224_94, -0.224_94, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]],
        _ => return None,
    })
}

/// How code values become linear light, per channel, and how those mix.
#[derive(Debug)]
pub(crate) struct Conversion {
    linear: [Vec<f32>; 3],
    matrix: Matrix,
}

impl Conversion {
    /// The conversion of a picture whose parts have the colours of `part`; none where only the
    /// decoder knows it.
    pub(crate) fn of(heif: &HeifFile<'_>, picture: ItemId, part: ItemId) -> Option<Self> {
        if let Some(profile) = heif.icc_profile(picture).ok()? {
            return Self::of_profile(profile);
        }
        let (primaries, transfer) = code_points(heif, picture)
            .or_else(|| code_points(heif, part))
            .or_else(|| stream_code_points(heif, part))
            .unwrap_or((2, 2));
        let matrix = from_primaries(primaries)?;
        // ITU-T H.273, table 3. HDR (PQ, HLG) is left to the decoder.
        let curve = match transfer {
            0 | 2 | 13 => srgb_to_linear,
            1 | 6 | 14 | 15 => rec709_to_linear,
            _ => return None,
        };
        let table: Vec<f32> = code_values().map(curve).collect();
        Some(Self { linear: [table.clone(), table.clone(), table], matrix })
    }

    /// A profile made of three curves and a matrix (ICC.1, 8.3.3); none for tables and damaged ones.
    fn of_profile(profile: &[u8]) -> Option<Self> {
        if profile.get(16..24)? != b"RGB XYZ "
            || ["A2B0", "A2B1"].iter().any(|name| tag(profile, name).is_some())
        {
            return None;
        }
        let [red, green, blue] = ["rXYZ", "gXYZ", "bXYZ"].map(|name| tag(profile, name).and_then(point));
        let (red, green, blue) = (red?, green?, blue?);
        let to_d50 = std::array::from_fn(|row| [red[row], green[row], blue[row]]);
        let [red, green, blue] = ["rTRC", "gTRC", "bTRC"].map(|name| tag(profile, name).and_then(curve));
        Some(Self { linear: [red?, green?, blue?], matrix: product(&D50_TO_SRGB, &to_d50) })
    }

    /// Converts RGBA pixels in place.
    pub(crate) fn apply(&self, rgba: &mut [u8]) {
        const STEPS: usize = 4095;
        let encoded: Vec<u8> = (0..=STEPS)
            .map(|step| (linear_to_srgb(step as f32 / STEPS as f32) * 255.0 + 0.5) as u8)
            .collect();
        for pixel in rgba.chunks_exact_mut(4) {
            let light: [f32; 3] =
                std::array::from_fn(|channel| self.linear[channel][usize::from(pixel[channel])]);
            for (value, row) in pixel.iter_mut().zip(&self.matrix) {
                let mixed = row[0] * light[0] + row[1] * light[1] + row[2] * light[2];
                // A cast from float saturates, so colours outside sRGB end at its edge.
                *value = encoded[((mixed * STEPS as f32 + 0.5) as usize).min(STEPS)];
            }
        }
    }
}

fn code_points(heif: &HeifFile<'_>, id: ItemId) -> Option<(u16, u16)> {
    heif.item_properties(id).ok()?.find_map(|property| match property {
        Property::Color(ColorInfo::Nclx { primaries, transfer, .. }) => Some((*primaries, *transfer)),
        _ => None,
    })
}

/// The code points in the video stream's own header, where both are given.
fn stream_code_points(heif: &HeifFile<'_>, id: ItemId) -> Option<(u16, u16)> {
    let mut sets = ParameterSets::default();
    for unit in &heif.hevc_config(id).ok()??.nal_units {
        sets.add(&NalUnit::parse(unit).ok()?).ok()?;
    }
    let vui = sets.sps.iter().flatten().find_map(|sequence| sequence.vui.as_ref())?;
    let (primaries, transfer) = (vui.colour_primaries, vui.transfer_characteristics);
    (primaries != 2 && transfer != 2).then_some((primaries.into(), transfer.into()))
}

fn tag<'a>(profile: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let count = number(profile, 128)? as usize;
    let entry =
        profile.get(132..)?.chunks_exact(12).take(count).find(|entry| entry.starts_with(name.as_bytes()))?;
    let (offset, length) = (number(entry, 4)? as usize, number(entry, 8)? as usize);
    profile.get(offset..offset.checked_add(length)?)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn fixed(bytes: &[u8], at: usize) -> Option<f32> {
    Some(number(bytes, at)? as i32 as f32 / 65536.0)
}

fn point(tag: &[u8]) -> Option<[f32; 3]> {
    Some([fixed(tag, 8)?, fixed(tag, 12)?, fixed(tag, 16)?])
}

/// The linear light of each of the 256 code values, from a `curv` or `para` element (ICC.1, 10.6 and 10.18).
fn curve(tag: &[u8]) -> Option<Vec<f32>> {
    match tag.get(..4)? {
        b"curv" => {
            let count = number(tag, 8)? as usize;
            let entry = |index: usize| {
                let at = 12 + 2 * index;
                Some(f32::from(u16::from_be_bytes(tag.get(at..at + 2)?.try_into().ok()?)))
            };
            match count {
                0 => Some(code_values().collect()),
                1 => entry(0).map(|gamma| code_values().map(|x| x.powf(gamma / 256.0)).collect()),
                _ => code_values()
                    .map(|x| {
                        let position = x * (count - 1) as f32;
                        let low = (position as usize).min(count - 2);
                        let (from, to) = (entry(low)?, entry(low + 1)?);
                        Some((from + (to - from) * (position - low as f32)) / 65535.0)
                    })
                    .collect(),
            }
        }
        b"para" => {
            let kind = u16::from_be_bytes(tag.get(8..10)?.try_into().ok()?);
            let parameter = |index: usize| fixed(tag, 12 + 4 * index);
            let gamma = parameter(0)?;
            // Every kind is kind 4 with some parameters left out: (ax + b)^g + e from d on, cx + f below it.
            let [a, b, c, d, e, f] = match kind {
                0 => [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                1 => [parameter(1)?, parameter(2)?, 0.0, -parameter(2)? / parameter(1)?, 0.0, 0.0],
                2 => {
                    let (a, b, c) = (parameter(1)?, parameter(2)?, parameter(3)?);
                    [a, b, 0.0, -b / a, c, c]
                }
                3 => [parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?, 0.0, 0.0],
                4 => {
                    [parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?, parameter(5)?, parameter(6)?]
                }
                _ => return None,
            };
            Some(
                code_values().map(|x| if x >= d { (a * x + b).powf(gamma) + e } else { c * x + f }).collect(),
            )
        }
        _ => None,
    }
}

fn code_values() -> impl Iterator<Item = f32> {
    (0u8..=255).map(|value| f32::from(value) / 255.0)
}

fn srgb_to_linear(x: f32) -> f32 {
    if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
}

fn linear_to_srgb(x: f32) -> f32 {
    if x <= 0.003_130_8 { x * 12.92 } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 }
}

fn rec709_to_linear(x: f32) -> f32 {
    if x < 0.081 { x / 4.5 } else { ((x + 0.099) / 1.099).powf(1.0 / 0.45) }
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| (0..3).map(|index| left[row][index] * right[index][column]).sum())
    })
}
