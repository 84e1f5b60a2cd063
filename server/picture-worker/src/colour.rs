//! To sRGB, the one colour space that every screen and every phone takes a JPEG to be in.

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients,
    TransferCharacteristics, TransformOptions,
};

use crate::decode::{Matrix, Pixels, Plane};

/// The colour profile of a file. `None` if there is none or it makes no sense; then sRGB is the best
/// guess, as browsers guess.
pub(crate) fn profile(icc: &[u8]) -> Option<ColorProfile> {
    if icc.is_empty() { None } else { ColorProfile::new_from_slice(icc).ok() }
}

/// The profile for colour primaries that are told by number (ITU-T H.273) instead of a profile.
/// Only the gamuts wider than sRGB: the numbers of old video standards are written by many phones
/// that mean sRGB.
pub(crate) fn wide_gamut(primaries: u8, transfer: u8) -> Option<ColorProfile> {
    let color_primaries = CicpColorPrimaries::try_from(primaries).ok().filter(|primaries| {
        matches!(
            primaries,
            CicpColorPrimaries::Bt2020 | CicpColorPrimaries::Smpte431 | CicpColorPrimaries::Smpte432
        )
    })?;
    Some(ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics: TransferCharacteristics::try_from(transfer)
            .unwrap_or(TransferCharacteristics::Srgb),
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    }))
}

/// RGB in sRGB, three bytes a pixel. Planes must have been scaled to one size.
pub(crate) fn to_srgb(pixels: Pixels, profile: Option<&ColorProfile>) -> Vec<u8> {
    match pixels {
        Pixels::Rgb(rgb) => convert(&rgb, Layout::Rgb, DataColorSpace::Rgb, profile).unwrap_or(rgb),
        Pixels::Ycc { planes, matrix } => {
            let rgb = rgb_of(&planes, matrix);
            convert(&rgb, Layout::Rgb, DataColorSpace::Rgb, profile).unwrap_or(rgb)
        }
        Pixels::Gray(gray) => convert(&gray, Layout::Gray, DataColorSpace::Gray, profile)
            .unwrap_or_else(|| gray.iter().flat_map(|&gray| [gray; 3]).collect()),
        Pixels::Cmyk { mut data, inverted } => {
            if inverted {
                data.iter_mut().for_each(|ink| *ink = 255 - *ink);
            }
            convert(&data, Layout::Rgba, DataColorSpace::Cmyk, profile).unwrap_or_else(|| naive_inks(&data))
        }
    }
}

/// `None` without a profile, or with one that does not describe such pixels.
fn convert(
    pixels: &[u8],
    layout: Layout,
    space: DataColorSpace,
    profile: Option<&ColorProfile>,
) -> Option<Vec<u8>> {
    let profile = profile.filter(|profile| profile.color_space == space)?;
    let srgb = ColorProfile::new_srgb();
    let transform =
        profile.create_transform_8bit(layout, &srgb, Layout::Rgb, TransformOptions::default()).ok()?;
    let mut rgb = vec![0; pixels.len() / channels(layout) * 3];
    transform.transform(pixels, &mut rgb).ok()?;
    Some(rgb)
}

fn channels(layout: Layout) -> usize {
    match layout {
        Layout::Gray => 1,
        Layout::Rgba => 4,
        _ => 3,
    }
}

fn naive_inks(inks: &[u8]) -> Vec<u8> {
    let through = |ink: u8, black: u8| {
        let light = u16::from(255 - ink) * u16::from(255 - black) / 255;
        u8::try_from(light).unwrap_or(255)
    };
    inks.chunks_exact(4)
        .flat_map(|inks| [through(inks[0], inks[3]), through(inks[1], inks[3]), through(inks[2], inks[3])])
        .collect()
}

/// ITU-T H.273, equations 38 to 43, for eight bits.
fn rgb_of([luma, blue, red]: &[Plane; 3], matrix: Matrix) -> Vec<u8> {
    let Matrix { red_weight, blue_weight, full_range } = matrix;
    let green_weight = 1.0 - red_weight - blue_weight;
    let (black, luma_gain, chroma_gain) =
        if full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
    let red_of_red = 2.0 * (1.0 - red_weight) * chroma_gain;
    let blue_of_blue = 2.0 * (1.0 - blue_weight) * chroma_gain;
    let green_of_red = red_of_red * red_weight / green_weight;
    let green_of_blue = blue_of_blue * blue_weight / green_weight;
    let mut rgb = Vec::with_capacity(luma.data.len() * 3);
    for ((&luma, &blue), &red) in luma.data.iter().zip(&blue.data).zip(&red.data) {
        let luma = (f32::from(luma) - black) * luma_gain + 0.5;
        let (blue, red) = (f32::from(blue) - 128.0, f32::from(red) - 128.0);
        // The cast holds values to 0..=255.
        rgb.extend([
            (luma + red_of_red * red) as u8,
            (luma - green_of_red * red - green_of_blue * blue) as u8,
            (luma + blue_of_blue * blue) as u8,
        ]);
    }
    rgb
}
