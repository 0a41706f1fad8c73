//! The committed tables equal those made from the committed rows.

use std::path::Path;
use std::process::Command;

/// Folders of cells below `results/`.
const GRIDS: [&str; 5] =
    ["paper", "adaptive", "int8", "history/score-1-two-references", "history/score-2-further-references"];

#[test]
fn committed_tables_equal_those_of_the_rows() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    for grid in GRIDS {
        let rows = results.join(grid);
        let made = Command::new(env!("CARGO_BIN_EXE_codepurify-lab"))
            .args(["table", "--results"])
            .arg(&rows)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let kept = std::fs::read_to_string(rows.join("tables.md")).unwrap_or_default();
        let made = String::from_utf8(made.stdout).unwrap();
        assert!(
            made == kept,
            "results/{grid}/tables.md is out of date: codepurify-lab table --results results/{grid} > results/{grid}/tables.md"
        );
    }
}
