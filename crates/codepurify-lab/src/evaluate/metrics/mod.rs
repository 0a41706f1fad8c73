//! Measures over samples. A measure without any sample is `None`, never NaN.

mod attack;
mod bleu;
mod counts;
mod estimate;
mod ranking;
mod spans;
mod values;

pub use attack::{AttackOutcome, AttackRates};
pub use bleu::BleuCounts;
pub use counts::{Confusion, share, share_of};
pub use estimate::{Estimate, bootstrap, bootstrap_all};
pub use ranking::{RocPoint, auroc, auroc_of_ranks, ranks, roc, threshold_at_fpr, tpr_at_fpr};
pub use spans::{hits, intersection_over_union};
pub use values::{mean, median, percentile};
