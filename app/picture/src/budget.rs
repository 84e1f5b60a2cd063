//! Fitting a copy into a number of bytes.

use crate::Size;

/// What a copy may measure and weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Longest side in pixels.
    pub longest: u32,
    /// Most bytes of the whole file.
    pub bytes: usize,
    /// JPEG quality (1 to 100) that is used wherever it fits.
    pub best_quality: u8,
    /// JPEG quality below which the sides are made smaller instead.
    pub least_quality: u8,
}

impl Budget {
    /// The copy that goes to a carrier unless its limits say otherwise: 1024 pixels, 600 KB.
    pub const CARRIER: Self = Self::new(1024, 600_000);

    /// The usual span of quality, 85 down to 50, for a copy of these limits.
    #[must_use]
    pub const fn new(longest: u32, bytes: usize) -> Self {
        Self { longest, bytes, best_quality: 85, least_quality: 50 }
    }
}

/// A copy that keeps to its budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// Its size, at most the budget's longest side and never larger than the original.
    pub size: Size,
    /// The quality it was encoded with.
    pub quality: u8,
    /// The encoded file, at most the budget's bytes.
    pub bytes: Vec<u8>,
}

/// Finds the largest size, and for it the best quality, whose encoding keeps to the budget.
///
/// `original`: the upright size; a copy never exceeds it. `encode`: makes the file for a size and a
/// quality; called once when the best quality fits (nearly always), about seven times otherwise.
/// It is taken for granted that a file does not shrink when quality rises; where an encoder breaks
/// that, the result is still within the budget.
///
/// Returns `None` when not even a copy of a few pixels fits.
///
/// # Errors
/// The first error of `encode`.
pub fn fit<E>(
    original: Size,
    budget: &Budget,
    mut encode: impl FnMut(Size, u8) -> Result<Vec<u8>, E>,
) -> Result<Option<Fitted>, E> {
    let mut size = original.fit_within(budget.longest);
    loop {
        let best = encode(size, budget.best_quality)?;
        if best.len() <= budget.bytes {
            return Ok(Some(Fitted { size, quality: budget.best_quality, bytes: best }));
        }
        let least = encode(size, budget.least_quality)?;
        if least.len() <= budget.bytes {
            return bisect(size, budget, least, encode).map(Some);
        }
        if size.longest() <= SMALLEST_SIDE {
            return Ok(None);
        }
        size = original.fit_within(next_side(size.longest(), least.len(), budget.bytes));
    }
}

/// Sides are not made smaller than this; a picture of fewer pixels shows nothing.
const SMALLEST_SIDE: u32 = 16;

/// Between the least quality, which fits as `fitting`, and the best, which does not.
fn bisect<E>(
    size: Size,
    budget: &Budget,
    fitting: Vec<u8>,
    mut encode: impl FnMut(Size, u8) -> Result<Vec<u8>, E>,
) -> Result<Fitted, E> {
    let mut found = Fitted { size, quality: budget.least_quality, bytes: fitting };
    let mut too_good = budget.best_quality;
    while too_good > found.quality + 1 {
        let quality = found.quality.midpoint(too_good);
        let bytes = encode(size, quality)?;
        if bytes.len() <= budget.bytes {
            found = Fitted { size, quality, bytes };
        } else {
            too_good = quality;
        }
    }
    Ok(found)
}

/// The next longest side to try. Bytes go about with the area, so the root of the excess tells how
/// far to go; steps stay between a tenth and a half so that neither detail nor time is wasted.
fn next_side(side: u32, bytes: usize, limit: usize) -> u32 {
    let excess = limit as f64 / bytes.max(1) as f64;
    let scaled = f64::from(side) * excess.sqrt().clamp(0.5, 0.9);
    (scaled as u32).clamp(SMALLEST_SIDE, side - 1)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const PHOTO: Size = Size { width: 4032, height: 3024 };

    /// An encoder whose files weigh `weight` thousandths of a byte per pixel and point of quality.
    fn encoder(weight: u64, calls: &mut u32) -> impl FnMut(Size, u8) -> Result<Vec<u8>, Infallible> {
        move |size, quality| {
            *calls += 1;
            let bytes = 300 + size.pixels() * u64::from(quality) * weight / 1000;
            Ok(vec![0; usize::try_from(bytes).expect("small in tests")])
        }
    }

    fn fitted(weight: u64, budget: &Budget) -> (Option<Fitted>, u32) {
        let mut calls = 0;
        let Ok(fitted) = fit(PHOTO, budget, encoder(weight, &mut calls));
        (fitted, calls)
    }

    #[test]
    fn an_ordinary_photo_is_encoded_once() {
        let (fitted, calls) = fitted(3, &Budget::CARRIER);
        let fitted = fitted.expect("fits");
        assert_eq!((fitted.quality, fitted.size, calls), (85, Size { width: 1024, height: 768 }, 1));
    }

    #[test]
    fn quality_goes_first_then_the_sides() {
        let (noisy, _) = fitted(12, &Budget::CARRIER);
        let noisy = noisy.expect("fits");
        assert_eq!(noisy.size.longest(), 1024);
        assert_eq!(noisy.quality, 63);
        let (noisier, calls) = fitted(50, &Budget::CARRIER);
        let noisier = noisier.expect("fits");
        assert!(noisier.size.longest() < 1024 && noisier.quality >= 50);
        assert!(calls < 20, "{calls} encodings");
    }

    #[test]
    fn an_impossible_budget_ends() {
        assert_eq!(fitted(3, &Budget::new(1024, 100)).0, None);
    }

    proptest! {
        #[test]
        fn the_best_that_fits_is_found(weight in 1u64..200, bytes in 500usize..2_000_000, longest in 16u32..3_000) {
            let budget = Budget::new(longest, bytes);
            let (fitted, calls) = fitted(weight, &budget);
            prop_assert!(calls < 60);
            if let Some(fitted) = fitted {
                prop_assert!(fitted.bytes.len() <= bytes);
                prop_assert!(fitted.size.longest() <= longest);
                prop_assert!((50..=85).contains(&fitted.quality));
                if fitted.quality < 85 {
                    let mut ignored = 0;
                    let Ok(better) = encoder(weight, &mut ignored)(fitted.size, fitted.quality + 1);
                    prop_assert!(better.len() > bytes, "a better quality would have fitted");
                }
            }
        }

        #[test]
        fn an_erratic_encoder_never_breaks_the_budget(sizes in proptest::collection::vec(0usize..2_000, 64)) {
            let mut next = sizes.iter().cycle();
            let encode = |_, _| Ok::<_, Infallible>(vec![0; *next.next().expect("cycles")]);
            let Ok(fitted) = fit(PHOTO, &Budget::new(1024, 1_000), encode);
            prop_assert!(fitted.is_none_or(|fitted| fitted.bytes.len() <= 1_000));
        }
    }
}
