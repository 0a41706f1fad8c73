//! The whole defence: bytes, units, candidates, what the model is asked, a verdict, purified code. The first byte says as what the
//! others are judged.
#![no_main]

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{Defender, Language, Limits, Profile, Snippet, SourceFile, Thresholds};
use libfuzzer_sys::fuzz_target;

/// Trigger of the model; code with this word is purified.
const TRIGGER: &str = "fail";

fuzz_target!(|data: &[u8]| {
    let Some((&how, code)) = data.split_first() else { return };
    let language = Language::ALL[usize::from(how & 3)];
    let Ok(file) = SourceFile::new("fuzz", code.to_vec(), language, &Limits::default()) else { return };
    let Ok(units) = file.units() else { return };
    judge(&units, profile(how >> 2));
});

fn profile(how: u8) -> Profile {
    let profile = match how & 3 {
        0 | 1 => Profile::transplant(),
        2 => Profile::normalised(Thresholds::builtin()),
        _ => Profile::paper(Thresholds::builtin()),
    };
    profile.with_nested(how & 4 != 0).with_sliding_windows(how & 8 != 0)
}

/// Every verdict names places that are in its unit, and purified code is other code.
fn judge(units: &[Snippet], profile: Profile) {
    let victim = TriggerWordVictim::new(TRIGGER).with_window(128);
    let masked_lm = ConstantMaskedLm::new(&["done", "0", "x", "Text"]).with_window(64);
    let defender = Defender::new(&victim).with_profile(profile).with_masked_lm(&masked_lm).with_evidence(true);
    for (unit, verdict) in units.iter().zip(defender.screen(units)) {
        let Ok(verdict) = verdict else { continue };
        let first = unit.unit().start_byte;
        for place in verdict.triggers.iter().flat_map(|trigger| &trigger.spans) {
            let part = unit.text().get(place.start_byte - first..place.end_byte - first);
            assert!(part.is_some(), "{place:?} is not in the unit");
        }
        assert!(verdict.purified.as_deref() != Some(unit.text()));
    }
}
