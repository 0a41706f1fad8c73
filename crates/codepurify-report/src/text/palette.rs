//! Colours.

use std::fmt::Display;

use anstyle::{Ansi256Color, AnsiColor, Style};
use codepurify::verdict::Decision;

pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
pub(crate) const HUNK: Style = AnsiColor::Cyan.on_default();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Backgrounds from cold to hot; the first means no heat.
const HEAT: [Style; 6] = [Style::new(), on(24), on(30), on(136), on(166), on(160).bold()];

/// Returns `content` in `style`, or plain without colour.
pub(crate) fn paint(content: impl Display, style: Style, color: bool) -> String {
    if color && style != Style::new() { format!("{style}{content}{style:#}") } else { content.to_string() }
}

/// Returns the style of a heat level; the last style is used for all higher levels.
pub(crate) fn heat(level: u8) -> Style {
    HEAT[usize::from(level).min(HEAT.len() - 1)]
}

/// Returns the style of a decision.
pub(crate) fn decision(decision: Decision) -> Style {
    match decision {
        Decision::Poisoned => AnsiColor::Red.on_default().bold(),
        Decision::Clean => AnsiColor::Green.on_default().bold(),
        _ => AnsiColor::Yellow.on_default().bold(),
    }
}

/// White on a colour of the 256-colour palette: readable on dark and on light terminals.
const fn on(background: u8) -> Style {
    Style::new()
        .fg_color(Some(anstyle::Color::Ansi256(Ansi256Color(231))))
        .bg_color(Some(anstyle::Color::Ansi256(Ansi256Color(background))))
}
