//! Tables and figures from generated rows of a small grid.

use std::path::Path;

use assert_cmd::Command;
use codepurify::{Span, Task};
use codepurify_attacks::data;
use codepurify_lab::evaluate::metrics::BleuCounts;
use codepurify_lab::plot::figures::FigureKind;
use codepurify_lab::plot::{Figure, figures, svg};
use codepurify_lab::table::agreement::agreement;
use codepurify_lab::table::layout::{sources, tables};
use codepurify_lab::table::row::{
    DefenceCost, Detection, PurifiedSample, RecordedOutput, RecordedOutputs, RemovalRow,
};
use codepurify_lab::table::{Cell, CellRow, Results, TableChoice, TableFormat};

fn cell(task: Task, attack: &str, rate: f64) -> Cell {
    Cell { task, family: "roberta".to_owned(), attack: attack.to_owned(), rate, victim: String::new() }
}

/// Creates a row of which only the predictions are known: truth 1, target 0.
fn row(
    cell: &Cell,
    defence: &str,
    id: usize,
    triggered: bool,
    [natural, before, after]: [u32; 3],
) -> CellRow {
    let answer = |label| Some(RecordedOutput::Label(label));
    let answers = RecordedOutputs {
        truth: answer(1),
        target: answer(0).filter(|_| triggered),
        natural: answer(natural).filter(|_| triggered),
        before: answer(before),
        after: answer(after),
    };
    CellRow {
        cell: cell.clone(),
        defence: defence.to_owned(),
        id: id.to_string(),
        triggered,
        answers,
        detection: Detection::default(),
        purified: PurifiedSample::default(),
        cost: DefenceCost { pass_equivalents: 1.0, ..DefenceCost::default() },
        failure: None,
    }
}

/// Generates four triggered samples and four clean ones.
///
/// The victim is fooled by all triggered ones (by one without the trigger, too) and gets one clean
/// sample wrong. `defended` tells which triggered samples still get the target.
fn samples(cell: &Cell, defence: &str, defended: [u32; 4]) -> Vec<CellRow> {
    let mut rows: Vec<CellRow> = (0..4)
        .map(|id| row(cell, defence, id, true, [u32::from(id != 3), 0, defended[id]]))
        .chain((0..4).map(|id| row(cell, defence, id, false, [1, u32::from(id != 0), u32::from(id != 0)])))
        .collect();
    if defence == "none" {
        return rows;
    }
    for (at, row) in rows.iter_mut().enumerate() {
        let score = [0.9, 0.8, 0.7, 0.3, 0.6, 0.2, 0.1, 0.0][at];
        let trigger = if row.triggered { vec![Span::new(10, 20)] } else { Vec::new() };
        let located = Some(if at < 3 { vec![Span::new(15, 25)] } else { Vec::new() });
        row.detection = Detection {
            score: Some(score),
            entropy: Some(1.0 - score),
            flagged: score > 0.5,
            located,
            trigger,
        };
        row.purified =
            PurifiedSample { changed: score > 0.5, parses: (score > 0.5).then_some(at != 4), bleu: None };
        row.cost.pass_equivalents = 2.0 + at as f64;
    }
    // The false alarm costs a right prediction.
    rows[5].answers.after = Some(RecordedOutput::Label(0));
    rows
}

fn write_grid(dir: &Path) {
    let (fixed, name) = (cell(Task::Defect, "bnc-fixed", 0.05), cell(Task::Defect, "identifier", 0.01));
    std::fs::create_dir_all(dir.join("defect")).unwrap();
    let write = |file: &str, rows: Vec<CellRow>| data::write(&dir.join("defect").join(file), rows).unwrap();
    write("fixed-none.jsonl", samples(&fixed, "none", [0; 4]));
    write("fixed-onion.jsonl.gz", samples(&fixed, "onion", [0, 0, 1, 0]));
    write("fixed-paper.jsonl.gz", samples(&fixed, "codepurify paper", [1, 1, 1, 0]));
    write("name-none.jsonl", samples(&name, "none", [0, 0, 0, 1]));
    write("name-paper.jsonl", samples(&name, "codepurify paper", [1, 0, 1, 1]));
    let mut repair = samples(&cell(Task::Repair, "bnc-fixed", 0.05), "none", [0; 4]);
    for row in &mut repair {
        row.purified.bleu = Some((BleuCounts::of("a b c d", "a b c d"), BleuCounts::of("a b c d", "")));
    }
    data::write(&dir.join("repair.jsonl"), repair).unwrap();
}

fn markdown(results: &Results, which: TableChoice) -> String {
    tables(results, which).iter().map(|table| table.render(TableFormat::Markdown)).collect()
}

fn line<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    let line =
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{text}"));
    line.trim_matches('|').split('|').map(str::trim).skip(5).collect()
}

#[test]
fn asr_d_in_the_layout_of_the_paper() {
    let dir = tempfile::tempdir().unwrap();
    write_grid(dir.path());
    let results = Results::read(dir.path()).unwrap();
    let expected = "\
| task | family | defence | bnc-fixed 5 % | identifier 1 % | average |
|---|---|---|---|---|---|
| defect | roberta | none | 100.00 | 75.00 | 87.50 |
| defect | roberta | onion | 75.00 | – | 75.00 (1 of 2) |
| defect | roberta | codepurify paper | 25.00 | 25.00 | 25.00 |
| repair | roberta | none | 100.00 | – | 100.00 (1 of 2) |
";
    let text = markdown(&results, TableChoice::Asr);
    assert!(text.contains(expected), "{text}");
    // ASR 4/4, of the three that were not fooled before 3/3; ASR_nat 1/4; ASR_D 1/4; recovered: all
    // but none.
    let cells = line(&text, "| defect | roberta | bnc-fixed | 5 % | codepurify paper");
    let values: Vec<&str> = cells.iter().map(|cell| cell.split(' ').next().unwrap()).collect();
    assert_eq!(values, ["100.00", "100.00", "25.00", "25.00", "0.00", "100.00", "4"]);
}

#[test]
fn means_over_the_cells_of_a_task_and_family() {
    let dir = tempfile::tempdir().unwrap();
    write_grid(dir.path());
    let results = Results::read(dir.path()).unwrap();
    let text = markdown(&results, TableChoice::Overview);
    // Means over both cells: ASR 4/4, ASR_nat 1/4, ASR_D 1/4. All samples of the fixed trigger are
    // predicted as without it. Of the identifiers' samples two are not: the second still gets the
    // target, the fourth got it without a trigger.
    let paper = "| defect | roberta | codepurify paper | 2 | 100.00 | 25.00 | 25.00 | 75.00 | 93.75 | 75.00 | 25.00 | 25.00 | 5.50 |";
    assert!(text.contains(paper), "{text}");
    assert!(text.contains("| defect | roberta | onion | 1 | 100.00 | 25.00 | 75.00 | 50.00 |"), "{text}");
    assert!(
        text.contains("| repair | roberta | none | 1 | 100.00 | 25.00 | 100.00 | 25.00 | – | – | – |"),
        "{text}"
    );
}

#[test]
fn clean_detection_and_localisation() {
    let dir = tempfile::tempdir().unwrap();
    write_grid(dir.path());
    let results = Results::read(dir.path()).unwrap();
    let values = |which, start: &str| -> Vec<String> {
        let text = markdown(&results, which);
        line(&text, start).iter().map(|cell| cell.split(' ').next().unwrap().to_owned()).collect()
    };
    // Of eight samples four are flagged and changed, one of them clean (1 of 4), whose text no
    // longer parses.
    assert_eq!(
        values(TableChoice::Clean, "| defect | roberta | bnc-fixed | 5 % | onion"),
        ["accuracy", "75.00", "50.00", "25.00", "25.00", "75.00", "5.50", "9.00", "4"]
    );
    // BLEU-4 of 100 falls to 0 as every answer becomes empty, EM stays.
    let start = "| repair | roberta | bnc-fixed | 5 % | none | BLEU-4";
    assert_eq!(&values(TableChoice::Clean, start)[..4], ["BLEU-4", "100.00", "0.00", "100.00"]);
    // 0.3 loses against 0.6: 15 of 16 pairs.
    assert_eq!(
        values(TableChoice::Detection, "| defect | roberta | bnc-fixed | 5 % | onion"),
        ["93.75", "75.00", "75.00", "75.00", "25.00", "75.00", "4", "4"]
    );
    // The fourth, which loses, gets the target without its trigger as well.
    let text = markdown(&results, TableChoice::Detection);
    let (_, flipped) = text.split_once("the trigger flips").unwrap();
    let flipped = line(flipped, "| defect | roberta | bnc-fixed | 5 % | onion");
    assert_eq!(flipped, ["100.00 [100.0, 100.0]", "100.00", "3"]);
    // Three hits of four; each has 5 of 15 bytes.
    assert_eq!(
        values(TableChoice::Localisation, "| defect | roberta | bnc-fixed | 5 % | onion"),
        ["75.00", "25.00", "4"]
    );
    let undefended = markdown(&results, TableChoice::Detection);
    assert!(!undefended.contains("| none |"), "{undefended}");
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let cell = cell(Task::Defect, "bnc-fixed", 0.05);
    let mut rows = samples(&cell, "onion", [0; 4]);
    rows[1].answers.after = None;
    rows[2].detection.located = Some(vec![Span { start: 3, end: 1 }]);
    rows[3].cell.rate = 5.0;
    data::write(&dir.path().join("a.jsonl"), &rows).unwrap();
    data::write(&dir.path().join("b.jsonl"), &rows[..1]).unwrap();
    let results = Results::read(dir.path()).unwrap();
    let refused: Vec<String> = results
        .refused
        .iter()
        .map(|(path, error)| {
            format!("{}:{} {}", path.file_name().unwrap().display(), error.line, error.message)
        })
        .collect();
    assert_eq!(
        refused,
        [
            "a.jsonl:2 no answer `after`",
            "a.jsonl:3 span 3..1 ends before it starts",
            "a.jsonl:4 `rate` is 5, not a share",
            "b.jsonl:1 no row of a cell (1 refused)",
        ]
    );
    assert_eq!(results.groups.values().map(|group| group.rows.len()).sum::<usize>(), 5);
    let nothing = tempfile::tempdir().unwrap();
    assert!(Results::read(nothing.path()).unwrap_err().to_string().contains("no usable row in 0"));
}

#[test]
fn removed_training_rows_are_measured_by_cell() {
    let dir = tempfile::tempdir().unwrap();
    let cell = cell(Task::Defect, "bnc-fixed", 0.05);
    let row = |removed: &[u64], rows| {
        let (defence, removed) = ("spectral".to_owned(), removed.iter().copied().collect());
        let row = RemovalRow { cell: cell.clone(), defence, rows, poisoned: [1, 5, 7, 9].into(), removed };
        serde_json::to_string(&row).unwrap()
    };
    std::fs::write(dir.path().join("spectral.removal.jsonl"), row(&[1, 5, 6, 9, 20], 100)).unwrap();
    std::fs::write(dir.path().join("other.removal.jsonl"), row(&[1, 2], 3)).unwrap();
    std::fs::write(dir.path().join(".unfinished.removal.jsonl"), "{").unwrap();
    data::write(&dir.path().join("rows.jsonl"), samples(&cell, "onion", [0; 4])).unwrap();
    let results = Results::read(dir.path()).unwrap();
    assert_eq!(results.refused.len(), 1);
    assert_eq!(results.refused[0].1.message, "5 rows are named, `rows` is 3");
    let text = markdown(&results, TableChoice::All);
    let found = line(&text, "| defect | roberta | bnc-fixed | 5 % | spectral |");
    assert_eq!(found, ["75.00", "2.08", "60.00", "4", "5", "100"]);
    assert_eq!(sources(&results).rows.len(), 2);
}

#[test]
fn grids_that_share_a_cell_get_tables_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let cell = cell(Task::Defect, "bnc-fixed", 0.05);
    for grid in ["paper", "adaptive"] {
        let cells = dir.path().join(grid).join("defect");
        std::fs::create_dir_all(&cells).unwrap();
        data::write(&cells.join("onion.jsonl"), samples(&cell, "onion", [0; 4])).unwrap();
    }
    let lab = Command::cargo_bin("codepurify-lab")
        .unwrap()
        .args(["table", "--which", "overview", "--results"])
        .arg(dir.path())
        .assert();
    let output = lab.success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings, ["## adaptive", "## paper"]);
    assert_eq!(text.matches("| defect | roberta | onion | 1 |").count(), 2, "{text}");
    assert!(output.get_output().stderr.is_empty());
}

#[test]
fn two_runs_are_compared_sample_by_sample() {
    let cell = cell(Task::Defect, "bnc-fixed", 0.05);
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut rows = samples(&cell, "onion", [1, 1, 0, 0]);
    data::write(&here.path().join("onion.jsonl"), &rows).unwrap();
    data::write(&here.path().join("oseql.jsonl"), samples(&cell, "oseql", [0; 4])).unwrap();
    // The third triggered sample is missed, the first one has another prediction, and the last
    // clean one is absent.
    (rows[2].detection.score, rows[2].detection.flagged) = (Some(0.25), false);
    rows[0].answers.after = Some(RecordedOutput::Label(0));
    rows.pop();
    data::write(&there.path().join("onion.jsonl"), &rows).unwrap();
    let [here, there] = [here, there].map(|dir| Results::read(dir.path()).unwrap());
    let table = agreement(&here, &there);
    // Triggered samples score .9, .8, .7 and .3 here, clean ones .6, .2 and .1.
    assert_eq!(table.rows.len(), 1, "only one defence is in both");
    assert_eq!(table.rows[0][5..], ["7", "85.71", "100.00", "85.71", "91.67", "83.33"]);
}

fn figure<'f>(figures: &'f [Figure], name: &str) -> &'f Figure {
    figures.iter().find(|figure| figure.name == name).unwrap()
}

#[test]
fn the_numbers_in_the_pictures() {
    let dir = tempfile::tempdir().unwrap();
    write_grid(dir.path());
    let figures = figures(&Results::read(dir.path()).unwrap());
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "roc-defect-roberta-bnc-fixed-5",
            "roc-defect-roberta-identifier-1",
            "entropy-defect-roberta",
            "asr-defect-roberta",
            "cost-defect-roberta",
            "asr-repair-roberta",
            "cost-repair-roberta",
        ]
    );
    let roc = figure(&figures, "roc-defect-roberta-bnc-fixed-5");
    assert_eq!(
        roc.series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>(),
        ["onion", "codepurify paper"]
    );
    assert_eq!(
        roc.series[0].points[..6],
        [(0.0, 0.0), (0.0, 0.25), (0.0, 0.5), (0.0, 0.75), (0.25, 0.75), (0.25, 1.0)]
    );
    let entropy = figure(&figures, "entropy-defect-roberta");
    assert_eq!(entropy.title, "Entropy of codepurify paper, defect-roberta");
    for series in &entropy.series {
        let share: f64 = series.points.iter().step_by(2).map(|point| point.1).sum();
        assert!((share - 1.0).abs() < 1e-12);
    }
    // Entropies 0.1, 0.2, 0.3 and 0.7 of at most 1: 0.3 begins the seventh of twenty bins.
    assert!((entropy.series[1].points[12].0 - 0.3).abs() < 1e-12);
    assert!((entropy.series[1].points[12].1 - 0.25).abs() < 1e-12);
    let bars = figure(&figures, "asr-defect-roberta");
    let heights: Vec<f64> = bars.series.iter().map(|series| series.points[0].1).collect();
    assert_eq!((bars.kind, heights), (FigureKind::Bars, vec![0.875, 0.75, 0.25]));
    assert_eq!(bars.groups, ["mean", "bnc-fixed 5 %", "identifier 1 %"]);
    // Onion was not run on one of the cells: the name says so, and its mean is that of the other
    // cell.
    assert_eq!((bars.series[1].name.as_str(), bars.series[1].points.len()), ("onion (1 of 2)", 2));
    assert_eq!(bars.series[0].points, [(0.0, 0.875), (1.0, 1.0), (2.0, 0.75)]);
    // The colour is the same everywhere, also if the undefended model has no curve.
    assert_eq!((roc.series[0].rank, bars.series[1].rank), (1, 1));
    let cost = figure(&figures, "cost-defect-roberta");
    assert_eq!(cost.series[2].points, [(5.5, 0.25)]);
}

#[test]
fn every_picture_is_an_svg_with_its_title() {
    let dir = tempfile::tempdir().unwrap();
    write_grid(dir.path());
    for figure in figures(&Results::read(dir.path()).unwrap()) {
        let text = svg(&figure).unwrap();
        assert_eq!(svg(&figure).unwrap(), text);
        let document = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "svg");
        let words: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        assert!(words.contains(&figure.title.as_str()), "{words:?}");
        let named = figure.series.iter().map(|series| &series.name).chain(&figure.groups);
        assert!(named.into_iter().all(|name| words.contains(&name.as_str())), "{words:?}");
    }
}

#[test]
fn the_commands_print_tables_and_write_pictures() {
    let dir = tempfile::tempdir().unwrap();
    write_grid(&dir.path().join("rows"));
    let lab = |arguments: &[&str]| {
        Command::cargo_bin("codepurify-lab").unwrap().current_dir(dir.path()).args(arguments).assert()
    };
    let stdout = |assert: assert_cmd::assert::Assert| {
        String::from_utf8(assert.success().get_output().stdout.clone()).unwrap()
    };
    let text = stdout(lab(&["table", "--results", "rows", "--which", "asr", "--sources"]));
    assert!(text.contains("| defect | roberta | onion | 75.00 | – |"), "{text}");
    assert!(text.contains("| 5 % | onion | 8 | rows/defect/fixed-onion.jsonl.gz |"), "{text}");
    let results = Results::read(&dir.path().join("rows")).unwrap();
    assert_eq!(sources(&results).rows.len(), 6);
    let latex = stdout(lab(&["table", "--results", "rows", "--format", "latex"]));
    assert!(latex.contains("onion & 75.00 & -- & 75.00 (1 of 2) \\\\"), "{latex}");
    let files = stdout(lab(&["plot", "--results", "rows", "-o", "pictures"]));
    assert_eq!(files.lines().count(), 7);
    assert!(files.lines().all(|file| dir.path().join(file).is_file()));
    let missing = lab(&["table", "--results", "nowhere"]).code(2);
    assert!(String::from_utf8_lossy(&missing.get_output().stderr).contains("nowhere"));
}
