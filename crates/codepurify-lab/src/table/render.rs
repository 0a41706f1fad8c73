//! Rendering of tables as text.

use clap::ValueEnum;

use crate::evaluate::metrics::Estimate;

/// Table whose entries are ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Caption of the table.
    pub caption: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Lines, each of the same length as the header.
    pub rows: Vec<Vec<String>>,
}

/// Format of tables
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// GitHub's Markdown
    Markdown,
    /// A LaTeX `tabular` with the rules of booktabs
    Latex,
}

impl TableFormat {
    /// Returns a heading for the tables that follow, with a line end.
    #[must_use]
    pub fn heading(self, text: &str) -> String {
        match self {
            Self::Markdown => format!("## {text}\n"),
            Self::Latex => format!("\\section*{{{}}}\n", escaped(text)),
        }
    }
}

/// Entry of a cell without a value.
pub const MISSING: &str = "–";

/// Formats a share as a percentage with two decimals.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    share.map_or(MISSING.to_owned(), |share| format!("{:.2}", 100.0 * share))
}

/// Formats a share and its 95 % interval as percentages.
#[must_use]
pub fn interval(estimate: Option<Estimate>) -> String {
    estimate.map_or(MISSING.to_owned(), |Estimate { value, low, high }| {
        format!("{:.2} [{:.1}, {:.1}]", 100.0 * value, 100.0 * low, 100.0 * high)
    })
}

/// Formats a number with two decimals.
#[must_use]
pub fn number(value: Option<f64>) -> String {
    value.map_or(MISSING.to_owned(), |value| format!("{value:.2}"))
}

impl Table {
    /// Renders the table as text, with a line end.
    #[must_use]
    pub fn render(&self, format: TableFormat) -> String {
        match format {
            TableFormat::Markdown => self.markdown(),
            TableFormat::Latex => self.latex(),
        }
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = format!("|{}\n", "---|".repeat(self.header.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("### {}\n\n{}{rule}{rows}", self.caption, line(&self.header))
    }

    fn latex(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!(
            "\\begin{{table}}\n\\caption{{{}}}\n\\begin{{tabular}}{{{}}}\n\\toprule\n{}\\midrule\n{rows}\\bottomrule\n\
             \\end{{tabular}}\n\\end{{table}}\n",
            escaped(&self.caption),
            "l".repeat(self.header.len()),
            line(&self.header),
        )
    }
}

/// Escapes the characters that LaTeX would interpret.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '–' => out.push_str("--"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_text() {
        let table = Table {
            caption: "ASR_D, %".to_owned(),
            header: vec!["a|b".to_owned(), "c".to_owned()],
            rows: vec![vec!["5 %".to_owned(), MISSING.to_owned()]],
        };
        assert_eq!(
            table.render(TableFormat::Markdown),
            "### ASR_D, %\n\n| a\\|b | c |\n|---|---|\n| 5 % | – |\n"
        );
        let latex = table.render(TableFormat::Latex);
        assert!(
            latex.contains("\\caption{ASR\\_D, \\%}\n\\begin{tabular}{ll}\n\\toprule\na|b & c \\\\\n"),
            "{latex}"
        );
        assert!(latex.contains("5 \\% & -- \\\\\n\\bottomrule"), "{latex}");
        assert_eq!(escaped("\\^~"), "\\textbackslash{}\\textasciicircum{}\\textasciitilde{}");
    }

    #[test]
    fn a_heading_is_one_in_either_format() {
        assert_eq!(TableFormat::Markdown.heading("a_b"), "## a_b\n");
        assert_eq!(TableFormat::Latex.heading("a_b"), "\\section*{a\\_b}\n");
    }

    #[test]
    fn missing_values_are_a_dash() {
        assert_eq!((percent(None), interval(None), number(None)), ("–".into(), "–".into(), "–".into()));
        assert_eq!(percent(Some(0.44237)), "44.24");
        let estimate = Estimate { value: 0.5, low: 0.25, high: 0.75 };
        assert_eq!(interval(Some(estimate)), "50.00 [25.0, 75.0]");
    }
}
