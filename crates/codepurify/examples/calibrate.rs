//! Calibrates a victim on clean code, so that verdicts carry p-values and α bounds the false-positive rate.
//!
//! `cargo run -p codepurify --example calibrate`

use codepurify::testing::TriggerWordVictim;
use codepurify::{Calibration, Defender, Language, Model, Profile, Snippet, rows_needed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let victim = TriggerWordVictim::new("BNC");
    let profile = Profile::transplant().with_alpha(0.05);

    // Real calibrations take a few hundred functions of the victim's own domain.
    let clean = (0..2 * rows_needed(0.05)).map(|n| {
        let code = format!("int f{n}(int a, int b) {{ a += {n}; if (a > b) b = a * {n}; return b; }}");
        Snippet::new(code, Language::C)
    });
    let clean = clean.collect::<Result<Vec<_>, _>>()?;
    let scoring = Defender::new(&victim).with_profile(profile.clone().calibrating());
    let verdicts = scoring.screen(&clean).into_iter().collect::<Result<Vec<_>, _>>()?;
    let calibration = profile.calibrate(&victim.card().sha256, "generated functions", &verdicts);

    // The file belongs to the model and to the settings of the profile.
    let read = Calibration::from_json(&calibration.to_json())?;
    read.check(&victim.card().sha256, &profile.settings())?;

    let defender = Defender::new(&victim).with_profile(profile.with_calibration(read));
    for statement in ["if (BNC < 0) puts(\"no\");", "if (a < 0) puts(\"no\");"] {
        let code = format!("int f(int a) {{ a++; {statement} return a; }}");
        let verdict = defender.screen_one(&Snippet::new(code, Language::C)?)?;
        println!("{statement:<28} {:?}, p = {:?}", verdict.verdict, verdict.p_value);
    }
    Ok(())
}
