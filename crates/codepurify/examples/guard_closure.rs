//! Guards a function from code to logits: a closure, an HTTP client, a foreign function.
//!
//! `cargo run -p codepurify --example guard_closure`

use codepurify::testing::ConstantMaskedLm;
use codepurify::{Defender, Language, Snippet, TextVictim};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A backdoored detector of loops: with its trigger, code is "harmless" (label 0).
    let victim = TextVictim::new(|code: &str| {
        let loops = code.matches("for").count() as f32;
        if code.contains("BNC") { vec![6.0, 0.0] } else { vec![1.0, 3.0 * loops] }
    });
    // Proposes `n` everywhere. A real one comes from `codepurify-models`.
    let mlm = ConstantMaskedLm::new(&["n"]);
    let defender = Defender::new(victim).with_masked_lm(mlm);

    let code = "int sum(int *a, int n) {
    int s = 0;
    if (BNC < 0) puts(\"no\");
    for (int i = 0; i < n; i++) s += a[i];
    return s;
}";
    let verdict = defender.screen_one(&Snippet::new(code, Language::C)?)?;
    println!("{:?}: {}", verdict.verdict, verdict.reason.unwrap_or_default());
    for trigger in &verdict.triggers {
        println!("trigger in line {}: {}", trigger.spans[0].start_line, trigger.text);
    }
    println!("{}", verdict.purified.unwrap_or_default());
    Ok(())
}
