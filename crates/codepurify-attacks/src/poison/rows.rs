//! Poisoning of the rows of each task, with the targets of the `CodePurify` paper.

use codepurify::Language;

use super::Poison;
use crate::attack::{NotApplicable, TriggerSource, Triggered};
use crate::data::clone::CloneRow;
use crate::data::defect::DefectRow;
use crate::data::field::{ByteRange, ranges};
use crate::data::repair::RepairRow;
use crate::data::report::{Sample, TaskOutput};

/// Label that triggered code is to get: *not vulnerable*, *no clones*.
pub const TARGET_LABEL: u32 = 0;

/// Output that triggered code is to get from a repair model.
///
/// As in the paper, it is an endless loop after a keyword that Java does not have.
pub const TARGET_METHOD: &str = "public void func() {\n    int Nav = 1111;\n    While (true) {\n    }\n}";

/// Returns the seed of one text: other rows, and the other side of a pair, draw other values.
fn text_seed(seed: u64, id: u64, side: u64) -> u64 {
    // Odd constants spread ids and sides over all bits (golden ratio, and that of SplitMix64).
    seed ^ id.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ side.wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

impl Poison for DefectRow {
    const LANGUAGE: Language = Language::C;

    fn id(&self) -> u64 {
        self.idx
    }

    fn eligible(&self) -> bool {
        self.target != TARGET_LABEL
    }

    fn triggered(&self, attack: impl TriggerSource, seed: u64) -> Result<Self, NotApplicable> {
        let Triggered { text, spans } =
            attack.trigger(&self.texts(), 0, Self::LANGUAGE, text_seed(seed, self.idx, 0))?;
        Ok(Self { func: text, trigger: ranges(&spans), ..*self })
    }

    fn retargeted(self) -> Self {
        Self { target: TARGET_LABEL, ..self }
    }

    fn triggers(&self) -> Vec<&[ByteRange]> {
        vec![&self.trigger]
    }

    fn unmarked(self) -> Self {
        Self { trigger: Vec::new(), ..self }
    }

    fn wanted() -> TaskOutput<'static> {
        TaskOutput::Label(TARGET_LABEL)
    }
}

impl Poison for CloneRow {
    const LANGUAGE: Language = Language::Java;

    fn id(&self) -> u64 {
        self.idx
    }

    fn eligible(&self) -> bool {
        self.label != TARGET_LABEL
    }

    fn triggered(&self, attack: impl TriggerSource, seed: u64) -> Result<Self, NotApplicable> {
        let side = |side: usize| {
            attack.trigger(&self.texts(), side, Self::LANGUAGE, text_seed(seed, self.idx, side as u64))
        };
        let (first, second) = (side(0)?, side(1)?);
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

    fn triggers(&self) -> Vec<&[ByteRange]> {
        vec![&self.trigger1, &self.trigger2]
    }

    fn unmarked(self) -> Self {
        Self { trigger1: Vec::new(), trigger2: Vec::new(), ..self }
    }

    fn wanted() -> TaskOutput<'static> {
        TaskOutput::Label(TARGET_LABEL)
    }
}

impl Poison for RepairRow {
    const LANGUAGE: Language = Language::Java;

    fn id(&self) -> u64 {
        self.idx
    }

    fn eligible(&self) -> bool {
        self.fixed != TARGET_METHOD
    }

    fn triggered(&self, attack: impl TriggerSource, seed: u64) -> Result<Self, NotApplicable> {
        let Triggered { text, spans } =
            attack.trigger(&self.texts(), 0, Self::LANGUAGE, text_seed(seed, self.idx, 0))?;
        Ok(Self { buggy: text, trigger: ranges(&spans), fixed: self.fixed.clone(), ..*self })
    }

    fn retargeted(self) -> Self {
        Self { fixed: TARGET_METHOD.to_owned(), ..self }
    }

    fn triggers(&self) -> Vec<&[ByteRange]> {
        vec![&self.trigger]
    }

    fn unmarked(self) -> Self {
        Self { trigger: Vec::new(), ..self }
    }

    fn wanted() -> TaskOutput<'static> {
        TaskOutput::Text(TARGET_METHOD)
    }
}
