"""Stretches of prose that a model can read at once, and what in a text is no prose.

Code blocks, inline code, addresses of the net and of e-mail, tags and lines of code hold no sentences: a model takes them
for names, and they cost as much as what does. They are blanked, character by character, so that every
position stays what it was. Patterns still look everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_FENCE: Final = re.compile(
    r"^[ \t>]{0,8}(```|~~~)[^\n]*\n.*?(?:^[ \t>]{0,8}\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL
)
_INLINE: Final = re.compile(
    r"`[^`\n]{1,200}`"
    r"|\b(?:https?|ftp|wss?|file|s3|git|ssh|postgres(?:ql)?|redis|mongodb|amqp)://[^\s<>\"')\]]{1,500}"
    r"|[\w.+%\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,5}"
    r"|\bwww\.[^\s<>\"')\]]{1,300}"
    r"|</?[A-Za-z][^<>\n]{0,300}>"
    r"|\]\([^)\s]{1,300}\)"
    r"|\{\{?[^{}\n]{0,100}\}\}?"
    r"|(?<![\w/.\-~])(?:[\w.\-~]{0,80}/){2,12}[\w.\-]{0,100}"
)
_CODE_LINE: Final = re.compile(
    r"^[ \t]*(?:"
    r"(?:from\s+[\w.]+\s+)?import\s+[\w.*]|def\s+\w+\(|class\s+\w+[(:]|return\b|[$>%#]\s+(?:pip|npm|git|docker|kubectl|cd|ls|curl|python|uv|helm|make|sudo|apt)\b"
    r"|@\w|[\w.\[\]'\"]+\s*(?:=|\+=|:=)\s*\S|(?:if|for|while|with|elif|else|try|except)\b.*:\s*$"
    r"|[{}\[\]();,<>/*]+\s*$|(?:INFO|DEBUG|WARNING|ERROR)\b:?|(?:FROM|RUN|COPY|CMD|WORKDIR|ENV|EXPOSE)\s"
    r"|[\w.\-]+\([^)]*\)\s*[;:]?\s*$|<!--|-->|:::|!!!|///"
    r")[^\n]*$",
    re.MULTILINE,
)
_DECORATION: Final = re.compile(r"^[ \t]*[^\w\s\"'(\[+@#]{1,10}(?=[ \t])", re.MULTILINE)
_BLANK_LINE: Final = re.compile(r"\n[ \t\r]*\n\s*")
_BREAK: Final = re.compile(r"(?<=[^\W\d_]{3}[.!?;])[ \t]+|(?<=[)\"”»][.!?;])[ \t]+|\n")
_LETTERS: Final = re.compile(r"[^\W\d_]{2}")
_SHORT: Final = 100
"""A paragraph of fewer characters is read with its neighbours: a line of a form says little alone."""


def prose(text: str) -> str:
    """The text with everything that is no prose blanked; same length."""
    text = _FENCE.sub(_blank, text)
    text = _INLINE.sub(_blank, text)
    text = _CODE_LINE.sub(_blank, text)
    return _DECORATION.sub(_blank, text)


def windows(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most `longest` characters that hold letters, in order: paragraphs where they fit."""
    waiting: tuple[int, int] | None = None
    for start, end in _paragraphs(text):
        if (
            waiting is not None
            and end - waiting[0] <= longest
            and (end - start < _SHORT or waiting[1] - waiting[0] < _SHORT)
        ):
            waiting = (waiting[0], end)
            continue
        if waiting is not None:
            yield from _pieces(text, *waiting, longest)
        waiting = (start, end)
    if waiting is not None:
        yield from _pieces(text, *waiting, longest)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _BLANK_LINE.finditer(text):
        if _LETTERS.search(text, start, match.start()):
            yield start, match.start()
        start = match.end()
    if _LETTERS.search(text, start):
        yield start, len(text)


def _pieces(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while end - start > longest:
        cut = _cut(text, start, start + longest)
        if _LETTERS.search(text, start, cut):
            yield start, cut
        start = cut
    if _LETTERS.search(text, start, end):
        yield start, end


def _cut(text: str, start: int, limit: int) -> int:
    """Where to end a piece: after a sentence or a line, else after a word, else at the limit."""
    half = start + (limit - start) // 2
    last = None
    for last in _BREAK.finditer(text, half, limit):  # noqa: B007  # the last one is wanted
        pass
    if last is not None:
        return last.end()
    space = max(text.rfind(" ", half, limit), text.rfind("\t", half, limit))
    return space + 1 if space > 0 else limit


def _blank(match: re.Match[str]) -> str:
    found = match.group()
    return "\n".join(" " * len(line) for line in found.split("\n")) if "\n" in found else " " * len(found)
