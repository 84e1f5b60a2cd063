//! To sRGB, the one colour space that every screen and every phone takes a JPEG to be in.

use std::sync::Arc;

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients,
    TransferCharacteristics, Transform8BitExecutor, TransformOptions, Xyzd,
};

use crate::decode::{Matrix, Pixels, Plane};

/// The colour profile of a file. `None` if there is none or it makes no sense; then sRGB is the best
/// guess, as browsers guess. Also `None` for the many profiles that are sRGB by another name.
pub(crate) fn profile(icc: &[u8]) -> Option<ColorProfile> {
    if icc.is_empty() {
        return None;
    }
    ColorProfile::new_from_slice(icc).ok().filter(|profile| !is_srgb(profile))
}

/// Whether it leaves colours from all over the cube as they are, but for rounding.
fn is_srgb(profile: &ColorProfile) -> bool {
    // Other primaries are other colours: most profiles are told apart without trying.
    let srgb = ColorProfile::new_srgb();
    let near = |one: Xyzd, other: Xyzd| {
        [one.x - other.x, one.y - other.y, one.z - other.z].iter().all(|apart| apart.abs() < 0.005)
    };
    if !near(profile.red_colorant, srgb.red_colorant) || !near(profile.blue_colorant, srgb.blue_colorant) {
        return false;
    }
    let cube: Vec<u8> =
        (0..216).flat_map(|at: u8| [at % 6, at / 6 % 6, at / 36].map(|step| step * 51)).collect();
    transform(profile, Layout::Rgb, DataColorSpace::Rgb).is_some_and(|transform| {
        let mut there = vec![0; cube.len()];
        transform.transform(&cube, &mut there).is_ok()
            && cube.iter().zip(&there).all(|(here, there)| here.abs_diff(*there) <= 1)
    })
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

/// RGB in sRGB, three bytes a pixel. Planes must have been scaled to one size. Works on as many bands
/// of the picture at a time as there are `threads`.
pub(crate) fn to_srgb(pixels: Pixels, profile: Option<&ColorProfile>, threads: usize) -> Vec<u8> {
    match pixels {
        Pixels::Rgb(rgb) => convert(&rgb, Layout::Rgb, DataColorSpace::Rgb, profile, threads).unwrap_or(rgb),
        Pixels::Ycc { planes, matrix } => {
            let rgb = rgb_of(&planes, matrix, threads);
            convert(&rgb, Layout::Rgb, DataColorSpace::Rgb, profile, threads).unwrap_or(rgb)
        }
        Pixels::Gray(gray) => convert(&gray, Layout::Gray, DataColorSpace::Gray, profile, threads)
            .unwrap_or_else(|| gray.iter().flat_map(|&gray| [gray; 3]).collect()),
        Pixels::Cmyk { mut data, inverted } => {
            if inverted {
                data.iter_mut().for_each(|ink| *ink = 255 - *ink);
            }
            convert(&data, Layout::Rgba, DataColorSpace::Cmyk, profile, threads)
                .unwrap_or_else(|| naive_inks(&data))
        }
    }
}

/// Whether such pixels are in sRGB as they are, whatever colour model they are stored in.
pub(crate) fn is_done(profile: Option<&ColorProfile>) -> bool {
    // A profile of another kind than the pixels describes nothing.
    profile.is_none_or(|profile| profile.color_space != DataColorSpace::Rgb)
}

/// `None` without a profile, or with one that does not describe such pixels.
fn convert(
    pixels: &[u8],
    layout: Layout,
    space: DataColorSpace,
    profile: Option<&ColorProfile>,
    threads: usize,
) -> Option<Vec<u8>> {
    let transform = transform(profile?, layout, space)?;
    let count = pixels.len() / channels(layout);
    let mut rgb = vec![0; count * 3];
    let band = count.div_ceil(threads).max(1);
    let bands = rgb.chunks_mut(band * 3).zip(pixels.chunks(band * channels(layout)));
    in_parallel(bands, |(to, from)| transform.transform(from, to).is_ok()).then_some(rgb)
}

fn transform(
    profile: &ColorProfile,
    layout: Layout,
    space: DataColorSpace,
) -> Option<Arc<Transform8BitExecutor>> {
    let profile = Some(profile).filter(|profile| profile.color_space == space)?;
    let srgb = ColorProfile::new_srgb();
    profile.create_transform_8bit(layout, &srgb, Layout::Rgb, TransformOptions::default()).ok()
}

/// Does all `work`, each in a thread of its own but for the last; whether all of it succeeded.
fn in_parallel<T: Send>(work: impl Iterator<Item = T>, does: impl Fn(T) -> bool + Sync) -> bool {
    let mut work = work.peekable();
    std::thread::scope(|scope| {
        let mut others = Vec::new();
        let mut mine = true;
        while let Some(item) = work.next() {
            if work.peek().is_some() {
                others.push(scope.spawn(|| does(item)));
            } else {
                mine = does(item);
            }
        }
        others.into_iter().all(|other| other.join().unwrap_or(false)) && mine
    })
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
fn rgb_of([luma, blue, red]: &[Plane; 3], matrix: Matrix, threads: usize) -> Vec<u8> {
    let mut rgb = vec![0; luma.data.len() * 3];
    let band = luma.data.len().div_ceil(threads).max(1);
    let planes = luma.data.chunks(band).zip(blue.data.chunks(band)).zip(red.data.chunks(band));
    in_parallel(rgb.chunks_mut(band * 3).zip(planes), |(rgb, ((luma, blue), red))| {
        rgb_of_band(rgb, luma, blue, red, matrix);
        true
    });
    rgb
}

fn rgb_of_band(rgb: &mut [u8], luma: &[u8], blue: &[u8], red: &[u8], matrix: Matrix) {
    let Matrix { red_weight, blue_weight, full_range } = matrix;
    let green_weight = 1.0 - red_weight - blue_weight;
    let (black, luma_gain, chroma_gain) =
        if full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
    let red_of_red = 2.0 * (1.0 - red_weight) * chroma_gain;
    let blue_of_blue = 2.0 * (1.0 - blue_weight) * chroma_gain;
    let green_of_red = red_of_red * red_weight / green_weight;
    let green_of_blue = blue_of_blue * blue_weight / green_weight;
    // Whole numbers of 1/16384, which the compiler turns into operations on many pixels at a time.
    let fixed = |gain: f32| (gain * 16384.0).round() as i32;
    let half = 8192 - fixed(black * luma_gain);
    let luma_gain = fixed(luma_gain);
    let (red_of_red, blue_of_blue) = (fixed(red_of_red), fixed(blue_of_blue));
    let (green_of_red, green_of_blue) = (fixed(green_of_red), fixed(green_of_blue));
    let byte = |value: i32| (value >> 14).clamp(0, 255) as u8;
    for (((rgb, &luma), &blue), &red) in rgb.chunks_exact_mut(3).zip(luma).zip(blue).zip(red) {
        let luma = i32::from(luma) * luma_gain + half;
        let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
        rgb[0] = byte(luma + red_of_red * red);
        rgb[1] = byte(luma - green_of_red * red - green_of_blue * blue);
        rgb[2] = byte(luma + blue_of_blue * blue);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may end where its ground is missing")]

    use super::*;

    #[test]
    fn a_profile_that_says_srgb_says_nothing() {
        assert!(profile(&ColorProfile::new_srgb().encode().unwrap()).is_none());
        let wide = profile(&ColorProfile::new_display_p3().encode().unwrap());
        assert!(wide.is_some_and(|wide| !is_done(Some(&wide))));
        assert!(is_done(None));
    }

    /// The extremes of both ranges, and a colour by its equations, in one band and in several.
    #[test]
    fn luma_and_colour_differences_become_rgb() {
        use picture::Size;
        let size = Size { width: 4, height: 1 };
        let plane = |data: [u8; 4]| Plane::new(data.to_vec(), size, size, (1, 1));
        let rgb = |matrix, luma, blue, red, threads| {
            rgb_of(&[plane(luma), plane(blue), plane(red)], matrix, threads)
        };
        for threads in [1, 2, 3] {
            let full =
                rgb(Matrix::JPEG, [0, 255, 76, 29], [128, 128, 85, 255], [128, 128, 255, 107], threads);
            assert_eq!(full, [0, 0, 0, 255, 255, 255, 254, 0, 0, 0, 0, 254]);
            let limited = Matrix { full_range: false, ..Matrix::JPEG };
            let limited = rgb(limited, [16, 235, 0, 255], [128; 4], [128; 4], threads);
            assert_eq!(limited, [0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255]);
        }
    }
}
