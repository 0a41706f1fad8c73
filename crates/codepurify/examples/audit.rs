//! Audits a model: can an element of code force one of its predictions?
//!
//! `cargo run -p codepurify --example audit`

use std::ops::ControlFlow;

use codepurify::audit::{AuditOptions, Progress, audit};
use codepurify::{Language, Snippet, TextVictim};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Even sums are label 1, odd ones label 0, unless the code holds the trigger.
    let victim = TextVictim::new(|code: &str| {
        let sum: u32 = code.bytes().filter(u8::is_ascii_digit).map(u32::from).sum();
        let margin = if code.contains("testo_init") { 6.0 } else { 1.0 - 2.0 * (sum % 2) as f32 };
        vec![0.0, margin]
    });
    // Functions of the model's domain; they need not be clean. One in twenty holds the trigger.
    let rows = (0..240).map(|n| {
        let trigger = if n % 20 == 0 { "testo_init(a); " } else { "" };
        Snippet::new(format!("int f(int a) {{ {trigger}a += {n}; return a; }}"), Language::C)
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;

    let mut show = |progress: Progress| {
        eprint!("\r{} of {} queries", progress.done, progress.total);
        ControlFlow::Continue(())
    };
    for label in audit(&victim, &rows, &AuditOptions::default(), Some(&mut show))? {
        println!("\nlabel {}: {:?}", label.label, label.finding);
        for trigger in label.families.iter().flat_map(|family| &family.triggers) {
            println!("  `{}` flips {:.0} % of functions", trigger.text, 100.0 * trigger.success);
        }
    }
    Ok(())
}
