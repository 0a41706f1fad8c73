//! Which rows are judged.

use clap::Args;

use crate::heading;

/// Rows that are judged; by default all.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Selection {
    /// Number of rows to judge, from the first one
    #[arg(long, value_name = "N", help_heading = heading::INPUT)]
    limit: Option<usize>,
    /// Share of the rows to judge, chosen by their content
    ///
    /// Every run on the same data set chooses the same rows.
    #[arg(long, value_name = "SHARE", value_parser = crate::values::share, help_heading = heading::INPUT)]
    sample: Option<f64>,
    /// Part of the rows to judge, such as 2/8
    ///
    /// Every N-th row of each file, from row I on. The parts of several runs make up the whole.
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = heading::INPUT)]
    shard: Option<Shard>,
}

/// Part of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shard {
    /// From 1.
    index: usize,
    count: usize,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parsed =
        text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match parsed {
        Some((index, count)) if index >= 1 && index <= count => Ok(Shard { index, count }),
        _ => Err("not I/N with numbers 1 ≤ I ≤ N".to_owned()),
    }
}

impl Selection {
    /// Returns true for a row that is judged: by its number in its file, from 1, and its digest, in hexadecimal.
    pub(crate) fn takes(&self, number: usize, digest: &str) -> bool {
        let in_shard = self.shard.is_none_or(|shard| (number - 1) % shard.count == shard.index - 1);
        in_shard && self.sample.is_none_or(|share| fraction(digest) < share)
    }

    /// Most rows that are judged.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// For the manifest.
    pub(crate) fn name(&self) -> String {
        let limit = self.limit.map(|limit| format!("--limit {limit}"));
        let sample = self.sample.map(|share| format!("--sample {share}"));
        let shard = self.shard.map(|shard| format!("--shard {}/{}", shard.index, shard.count));
        let all: Vec<String> = [limit, sample, shard].into_iter().flatten().collect();
        if all.is_empty() { "all rows".to_owned() } else { all.join(" ") }
    }
}

/// A number from 0 to 1, evenly spread over digests.
fn fraction(digest: &str) -> f64 {
    // Few enough digits to be exact.
    let digits = digest.get(..12).unwrap_or(digest);
    u64::from_str_radix(digits, 16).map_or(0.0, |number| number as f64 / (1_u64 << 48) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_make_up_the_whole() {
        let shards =
            ["1/3", "2/3", "3/3"].map(|text| Selection { shard: shard(text).ok(), ..Selection::default() });
        for number in 1..20 {
            assert_eq!(shards.iter().filter(|shard| shard.takes(number, "ff")).count(), 1, "{number}");
        }
        for text in ["0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(shard(text).is_err(), "{text}");
        }
    }

    #[test]
    fn samples_follow_the_digest() {
        let tenth = Selection { sample: Some(0.1), ..Selection::default() };
        assert!(tenth.takes(1, "1800000000000000") && !tenth.takes(1, "1a00000000000000"));
    }
}
