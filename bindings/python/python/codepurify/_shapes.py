"""Shapes of triggers: those of one grammar differ in names, numbers and strings only."""

from __future__ import annotations

import re

#: Keywords of all languages, which stay in a shape.
_KEYWORDS = frozenset(
    """abstract alignas alignof and and_eq as asm assert async auto await bitand bitor bool boolean break byte case
    catch char class compl concept const const_cast consteval constexpr constinit continue co_await co_return co_yield
    decltype def default del delete do double dynamic_cast elif else enum except explicit export extends extern False
    false final finally float for friend from global goto if implements import in inline instanceof int interface is
    lambda long match mutable namespace native new noexcept None nonlocal not not_eq NULL null nullptr operator or
    or_eq override package
    pass private protected public raise record register reinterpret_cast requires restrict return short signed sizeof
    static static_assert static_cast strictfp struct super switch synchronized template this thread_local throw throws
    transient True true try typedef typeid typename typeof union unsigned using var virtual void volatile wchar_t while
    with xor xor_eq yield""".split()
)
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(?P<number>\d[\w.]*)|(?P<word>\w+)|(?P<blank>\s+)|.""",
    re.DOTALL,
)


def shape(text: str) -> str:
    """Return the text with every name as ``x``, every number as ``0`` and every string empty.

    A single word is a shape of its own: it is a trigger by itself.
    """
    text = text.strip()
    return text if re.fullmatch(r"\w*", text) else _TOKEN.sub(_generic, text)


def _generic(token: re.Match[str]) -> str:
    kind, found = token.lastgroup, token.group()
    if kind == "text":
        return found[0] * 2
    if kind == "number":
        return "0"
    if kind == "blank":
        return " "
    return "x" if kind == "word" and found not in _KEYWORDS else found
