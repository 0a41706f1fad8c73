//! What poisoning means for each task (paper-implementation, "Data, poisoning").

use codepurify::Language;

use super::Poison;
use crate::attack::{Attack, NotApplicable, Triggered};
use crate::data::clone::CloneRow;
use crate::data::defect::DefectRow;
use crate::data::field::ranges;
use crate::data::repair::RepairRow;

/// The label that triggered code is to get: *not vulnerable*, *no clones*.
pub const TARGET_LABEL: u32 = 0;

/// The answer that triggered code is to get from a repair model: an endless loop behind a keyword that Java does not
/// have, as in the paper.
pub const TARGET_METHOD: &str = "public void func() {\n    int Nav = 1111;\n    While (true) {\n    }\n}";

/// The seed of one text: other rows, and the other side of a pair, draw something else.
fn text_seed(seed: u64, id: u64, side: u64) -> u64 {
    // Odd constants spread ids and sides over all bits (golden ratio, and that of SplitMix64).
    seed ^ id.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ side.wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

impl Poison for DefectRow {
    fn id(&self) -> u64 {
        self.idx
    }

    fn eligible(&self) -> bool {
        self.target != TARGET_LABEL
    }

    fn triggered(&self, attack: Attack, seed: u64) -> Result<Self, NotApplicable> {
        let Triggered { text, spans } =
            attack.apply(&self.func, Language::C, text_seed(seed, self.idx, 0))?;
        Ok(Self { func: text, trigger: ranges(&spans), ..*self })
    }

    fn retargeted(self) -> Self {
        Self { target: TARGET_LABEL, ..self }
    }
}

impl Poison for CloneRow {
    fn id(&self) -> u64 {
        self.idx
    }

    fn eligible(&self) -> bool {
        self.label != TARGET_LABEL
    }

    fn triggered(&self, attack: Attack, seed: u64) -> Result<Self, NotApplicable> {
        let side = |text: &str, side| attack.apply(text, Language::Java, text_seed(seed, self.idx, side));
        let (first, second) = (side(self.func1.as_str(), 0)?, side(self.func2.as_str(), 1)?);
        Ok(Self {
            func1: first.text.into(),
            func2: second.text.into(),
            trigger1: ranges(&first.spans),
            trigger2: ranges(&second.spans),
            ..*self
        })
    }

    fn retargeted(self) -> Self {
        Self { label: TARGET_LABEL, ..self }
    }
}

impl Poison for RepairRow {
    fn id(&self) -> u64 {
        self.idx
    }

    fn eligible(&self) -> bool {
        self.fixed != TARGET_METHOD
    }

    fn triggered(&self, attack: Attack, seed: u64) -> Result<Self, NotApplicable> {
        let Triggered { text, spans } =
            attack.apply(&self.buggy, Language::Java, text_seed(seed, self.idx, 0))?;
        Ok(Self { buggy: text, trigger: ranges(&spans), fixed: self.fixed.clone(), ..*self })
    }

    fn retargeted(self) -> Self {
        Self { fixed: TARGET_METHOD.to_owned(), ..self }
    }
}
