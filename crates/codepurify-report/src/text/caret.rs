//! A located trigger underlined in its source, in the manner of a compiler's diagnostics.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use codepurify::verdict::{Action, ChangeKind, ElementKind, Trigger, Verdict};

use super::excerpt::Excerpt;
use super::generated::is_generated;
use super::visible::{self, Visible};

/// Longest replacement shown, in characters.
const COLUMNS: usize = 80;

/// Number of places of a trigger that are underlined.
const PLACES: usize = 20;

/// Renders the diagnostic for `trigger`: its places underlined, its effect, and its replacement.
pub(crate) fn render(excerpt: &Excerpt, verdict: &Verdict, trigger: &Trigger, color: bool) -> String {
    let visible = Visible::new(excerpt.text);
    let path = visible::name(&verdict.path);
    let mut label = Some(necessity(trigger.necessity, is_generated(verdict)) + &sufficiency(trigger));
    let shown = trigger.spans.iter().take(PLACES);
    let places = shown.filter_map(|location| excerpt.span(location)).map(|span| {
        let place = visible.offset(span.start)..visible.offset(span.end);
        AnnotationKind::Primary.span(place).label(label.take())
    });
    let snippet = Snippet::source(visible.text.as_str()).line_start(excerpt.start_line).path(path.as_str());
    let more = trigger.spans.len().saturating_sub(PLACES);
    let title = Level::WARNING.primary_title(title(trigger));
    let mut group = Group::with_title(title).element(snippet.annotations(places));
    if more > 0 {
        group = group.element(Level::NOTE.message(format!("it occurs in {more} more places")));
    }
    if let Some(remedy) = remedy(trigger) {
        group = group.element(Level::HELP.message(remedy));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

fn necessity(drop: f64, generated: bool) -> String {
    let change = if drop < 0.0 { "rises" } else { "drops" };
    let drop = drop.abs();
    if generated {
        format!("without it the log-likelihood of the prediction {change} by {drop:.2} per token")
    } else {
        format!("without it the margin {change} by {drop:.2}")
    }
}

/// Describes the effect in reference functions, if it was measured.
fn sufficiency(trigger: &Trigger) -> String {
    let words = |share: f64| format!("; transplanted, it flips {:.0} % of references", share * 100.0);
    trigger.sufficiency.map(words).unwrap_or_default()
}

fn title(trigger: &Trigger) -> &'static str {
    match trigger.kind {
        ElementKind::Identifier => "this identifier determines the prediction",
        ElementKind::Statement => "this statement determines the prediction",
        ElementKind::Header => "this header determines the prediction",
        ElementKind::Literal => "this literal determines the prediction",
        ElementKind::Comment => "this comment determines the prediction",
        ElementKind::Invisible => "invisible characters determine the prediction",
        ElementKind::NamingStyle => "the naming style determines the prediction",
        _ => "this element determines the prediction",
    }
}

fn remedy(trigger: &Trigger) -> Option<String> {
    let replacement = visible::shortened(&trigger.replacement, COLUMNS);
    let kind = trigger.change.map(|change| change.kind);
    match (trigger.action, kind) {
        (Action::Delete, _) => Some("deleted".to_owned()),
        (Action::Rename, _) => Some(format!("renamed to `{replacement}`")),
        (Action::Infill, Some(ChangeKind::Folding)) => Some(format!("constants folded: `{replacement}`")),
        (Action::Infill, _) => Some(format!("infilled by the masked language model: `{replacement}`")),
        _ => None,
    }
}
