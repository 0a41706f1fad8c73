//! The tables that are kept beside the rows are made of these rows.

use std::path::Path;
use std::process::Command;

#[test]
fn the_kept_tables_are_what_the_rows_say() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    for grid in ["paper", "adaptive", "further", "two-references", "int8"] {
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
