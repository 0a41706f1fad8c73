"""A verdict as HTML for notebooks. The code is hostile: all of it is escaped, and nothing in it stays invisible."""

from __future__ import annotations

import html as _html
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._verdict import Verdict

_COLOURS = {"poisoned": "#c62828", "clean": "#2e7d32", "inconclusive": "#8d6e00"}


def escaped(text: str) -> str:
    """Return ``text`` as HTML that shows it; invisible and direction-changing characters by their numbers."""
    return _html.escape(visible(text))


def visible(text: str) -> str:
    """Return ``text`` with invisible and direction-changing characters by their numbers."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") and character not in "\n\t"
    return f"<U+{ord(character):04X}>" if hidden else character


def html(verdict: Verdict) -> str:
    """Return the judged code with its evidence as colours and its triggers outlined."""
    colour = _COLOURS.get(verdict.verdict, "#555")
    about = [f"<b style='color:{colour}'>{escaped(verdict.verdict)}</b>", escaped(verdict.path)]
    if verdict.unit.name:
        about.append(f"<code>{escaped(verdict.unit.name)}</code>")
    if verdict.p_value is not None:
        about.append(f"p = {verdict.p_value:.3g}")
    if verdict.reason:
        about.append(escaped(verdict.reason))
    parts = [_part(text, share, is_trigger) for text, share, is_trigger in _segments(verdict)]
    code = "".join(parts)
    return f"<div>{' · '.join(about)}</div><pre style='line-height:1.4'>{code}</pre>"


def _part(text: str, share: float, is_trigger: bool) -> str:
    style = []
    if share > 0:
        style.append(f"background:rgba(255,112,67,{min(share, 1.0):.2f})")
    if is_trigger:
        style.append("outline:2px solid #c62828")
    return f"<span style='{';'.join(style)}'>{escaped(text)}</span>" if style else escaped(text)


def _segments(verdict: Verdict) -> Iterator[tuple[str, float, bool]]:
    """Yield pieces of the code with the largest share of a candidate there, and whether a trigger is there."""
    code = verdict.code.encode()
    start = verdict.unit.start_byte
    spans = [(place, evidence.share, False) for evidence in verdict.evidence for place in evidence.spans]
    spans += [(place, 0.0, True) for trigger in verdict.triggers for place in trigger.spans]
    places = [(place.start_byte - start, place.end_byte - start, share, trigger) for place, share, trigger in spans]
    places = [place for place in places if 0 <= place[0] < place[1] <= len(code)]
    edges = sorted({0, len(code), *(edge for place in places for edge in place[:2])})
    for left, right in zip(edges, edges[1:]):
        here = [place for place in places if place[0] <= left and right <= place[1]]
        share = max((place[2] for place in here), default=0.0)
        yield code[left:right].decode(errors="replace"), share, any(place[3] for place in here)
