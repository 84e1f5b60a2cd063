//! Shrinking by a whole factor: every pixel becomes the mean of the square it replaces.

/// Shrinks RGBA pixels as far as the shorter side stays at least `cover` pixels; the canvas does
/// the rest. Answers the new width, height and pixels. Colours are weighed by their alpha.
pub(crate) fn shrink(width: u32, height: u32, rgba: Vec<u8>, cover: u32) -> (u32, u32, Vec<u8>) {
    let factor = width.min(height) / cover.max(1);
    if factor < 2 {
        return (width, height, rgba);
    }
    let (narrow, low) = (width / factor, height / factor);
    let side = factor as usize;
    let mut shrunk = Vec::with_capacity(narrow as usize * low as usize * 4);
    let mut sums = vec![[0u32; 4]; narrow as usize];
    // Up to 255 * 255 * factor * factor must fit 32 bits; a larger square is sampled, not summed.
    let step = side.div_ceil(256);
    for band in rgba.chunks_exact(width as usize * 4 * side) {
        sums.fill([0; 4]);
        for row in band.chunks_exact(width as usize * 4).step_by(step) {
            for (sum, square) in sums.iter_mut().zip(row.chunks_exact(side * 4)) {
                for pixel in square.chunks_exact(4).step_by(step) {
                    let alpha = u32::from(pixel[3]);
                    sum[0] += u32::from(pixel[0]) * alpha;
                    sum[1] += u32::from(pixel[1]) * alpha;
                    sum[2] += u32::from(pixel[2]) * alpha;
                    sum[3] += alpha;
                }
            }
        }
        let count = (side.div_ceil(step) as u32).pow(2);
        for sum in &sums {
            let weight = sum[3].max(1);
            let mean = |channel: u32| ((channel + weight / 2) / weight) as u8;
            shrunk.extend([mean(sum[0]), mean(sum[1]), mean(sum[2]), ((sum[3] + count / 2) / count) as u8]);
        }
    }
    shrunk.truncate(narrow as usize * low as usize * 4);
    (narrow, low, shrunk)
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn a_square_becomes_its_mean() {
        let rgba = [[0, 0, 0, 255], [255, 100, 0, 255], [255, 100, 0, 255], [255, 200, 0, 255]].concat();
        assert_eq!(shrink(2, 2, rgba, 1), (1, 1, vec![191, 100, 0, 255]));
    }

    #[test]
    fn what_is_invisible_does_not_colour_the_rest() {
        let rgba = [[255, 0, 0, 0], [0, 255, 0, 255], [255, 0, 0, 0], [0, 255, 0, 255]].concat();
        assert_eq!(shrink(2, 2, rgba, 1), (1, 1, vec![0, 255, 0, 128]));
    }

    #[test]
    fn the_box_stays_covered_and_small_pictures_stay_as_they_are() {
        for (width, height, expected) in
            [(400, 300, (200, 150)), (299, 900, (299, 900)), (1499, 1501, (166, 166))]
        {
            let (w, h, pixels) = shrink(width, height, vec![7; (width * height * 4) as usize], 150);
            assert_eq!((w, h), expected);
            assert_eq!(pixels.len(), (w * h * 4) as usize);
            assert!(pixels.iter().all(|&value| value == 7));
        }
    }

    #[test]
    fn a_huge_factor_does_not_overflow() {
        let (w, h, pixels) = shrink(600, 600, vec![255; 600 * 600 * 4], 1);
        assert_eq!((w, h, pixels), (1, 1, vec![255; 4]));
    }
}
