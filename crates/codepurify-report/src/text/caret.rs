//! A located trigger underlined in its source, in the manner of a compiler's diagnostics.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use codepurify::verdict::{Action, ChangeKind, ElementKind, Trigger, Verdict};

use super::excerpt::Excerpt;
use super::generated::is_generated;
use super::visible::{self, Visible};

/// Characters of a replacement that are shown.
const COLUMNS: usize = 80;

/// Places of a trigger that are underlined; more tell people no more.
const PLACES: usize = 20;

/// The diagnostic for `trigger` of `verdict`: every place underlined, what it carries, what was done about it.
pub(crate) fn render(excerpt: &Excerpt, verdict: &Verdict, trigger: &Trigger, color: bool) -> String {
    let visible = Visible::new(excerpt.text);
    let path = visible::one_line(&verdict.path);
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
        group = group.element(Level::NOTE.message(format!("it stands in {more} more places")));
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
        format!("without it the log-likelihood of the answer {change} by {drop:.2} a token")
    } else {
        format!("without it the margin of the answer {change} by {drop:.2}")
    }
}

/// What it does elsewhere, where that was tried.
fn sufficiency(trigger: &Trigger) -> String {
    let words = |share: f64| format!("; with it the answer comes in {:.0} % of other code", share * 100.0);
    trigger.sufficiency.map(words).unwrap_or_default()
}

fn title(trigger: &Trigger) -> &'static str {
    match trigger.kind {
        ElementKind::Identifier => "the answer hangs on this identifier",
        ElementKind::Statement => "the answer hangs on this statement",
        ElementKind::Header => "the answer hangs on this head",
        ElementKind::Literal => "the answer hangs on this literal",
        ElementKind::Comment => "the answer hangs on this comment",
        ElementKind::Invisible => "the answer hangs on characters that are not seen",
        ElementKind::NamingStyle => "the answer hangs on how everything is named",
        _ => "the answer hangs on this element",
    }
}

fn remedy(trigger: &Trigger) -> Option<String> {
    let replacement = visible::shortened(&trigger.replacement, COLUMNS);
    let kind = trigger.change.map(|change| change.kind);
    match (trigger.action, kind) {
        (Action::Delete, _) => Some("deleted".to_owned()),
        (Action::Rename, _) => Some(format!("renamed to `{replacement}`")),
        (Action::Infill, Some(ChangeKind::Folding)) => Some(format!("constants calculated: `{replacement}`")),
        (Action::Infill, _) => Some(format!("filled in by the masked language model: `{replacement}`")),
        _ => None,
    }
}
