//! Words and names that are as unequally common as real ones, the same in every run.

/// Numbers that look random; from one seed always the same (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    /// From 0 to just below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Words by how common they are: the second half as common as the first, the third a third (Zipf).
pub(super) struct Vocabulary {
    pub(super) words: Vec<String>,
    /// The sum of the shares up to each word.
    upto: Vec<f64>,
}

/// What people write to a clinic most.
const COMMON: &str = "the to you is my for and it can please we at your on have appointment thanks tomorrow still call \
    tooth pain time clinic today photo swelling better after morning week doctor bring crown filling \
    confirm referral sore bleeding tablets results scan late parking insurance invoice cancel monday";

const GIVEN: &str = "Olivia Jack Amelia Noah Chloe William Mia Ben Grace Samuel Zoe Hugo Ruby Thomas Ella Lucas Ivy \
    Henry Maya Felix Nora Oscar Tess Quinn";

const SYLLABLES: &str = "ba ken lo mir ta sel du gra pin vo hes ra fil jo nu wes ci mor ya ter ul zan be ost ki dra ne \
    tru ga lin";

impl Vocabulary {
    fn new(words: Vec<String>) -> Self {
        let mut sum = 0.0;
        let upto = (1..=words.len())
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { words, upto }
    }

    /// 20,000 words of texts.
    pub(super) fn of_texts() -> Self {
        let made = (100..).map(made_word);
        Self::new(COMMON.split(' ').map(str::to_owned).chain(made).take(20_000).collect())
    }

    pub(super) fn of_given_names() -> Self {
        Self::new(GIVEN.split(' ').map(str::to_owned).collect())
    }

    /// 5000 names of families.
    pub(super) fn of_families() -> Self {
        Self::new((1000..6000).map(|n| capitalised(&made_word(n))).collect())
    }

    /// One of the words, the common ones more often.
    pub(super) fn any(&self, dice: &mut Dice) -> usize {
        let total = self.upto.last().copied().unwrap_or(0.0);
        let at = dice.share() * total;
        self.upto.partition_point(|&upto| upto <= at).min(self.words.len().saturating_sub(1))
    }

    /// A text of 4 to 20 words, which are counted in `used`.
    pub(super) fn text(&self, dice: &mut Dice, used: &mut [usize]) -> String {
        let mut text = String::new();
        for n in 0..4 + dice.below(17) {
            let at = self.any(dice);
            used[at] += 1;
            let word = &self.words[at];
            match n {
                0 => text.push_str(&capitalised(word)),
                _ => {
                    text.push(' ');
                    text.push_str(word);
                }
            }
        }
        text.push('.');
        text
    }
}

/// The `n`-th word that can be made of syllables; of two from the hundredth on, of three from the thousandth.
fn made_word(n: usize) -> String {
    let syllables: Vec<&str> = SYLLABLES.split(' ').collect();
    let mut rest = n;
    let mut word = Vec::new();
    while rest > 0 {
        word.push(syllables[rest % syllables.len()]);
        rest /= syllables.len();
    }
    word.reverse();
    word.concat()
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::{Dice, Vocabulary};

    #[test]
    fn common_words_come_more_often_and_every_run_is_the_same() {
        let vocabulary = Vocabulary::of_texts();
        assert_eq!(vocabulary.words.len(), 20_000);
        let count = |seed| {
            let mut dice = Dice::new(seed);
            let picked: Vec<usize> = (0..50_000).map(|_| vocabulary.any(&mut dice)).collect();
            [0, 9, 99].map(|rank| picked.iter().filter(|&&at| at == rank).count())
        };
        let [first, tenth, hundredth] = count(7);
        assert!(first > 5 * tenth && tenth > 5 * hundredth && hundredth > 0, "{first} {tenth} {hundredth}");
        assert_eq!(count(7), [first, tenth, hundredth]);
    }
}
