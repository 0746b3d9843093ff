"""HTML: text as it reads, and what the page does not show: attributes, comments, scripts, hidden parts."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

from guarita.pii.documents.decode import decoded
from guarita.pii.documents.interface import Block, Extractor, Limits, Place, Source, Span

_INLINE_WORDS = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span "
    "strike strong sub sup time tt u var wbr"
)
_INLINE = frozenset(_INLINE_WORDS.split())
_NO_TEXT = frozenset({"class", "d", "integrity", "points", "srcset", "style", "transform"})
"""Attributes that hold styles, digests and drawings."""
_BLOCK = 1 << 16


class HtmlExtractor(Extractor):
    """Reads HTML as it stands; nothing in it is run or fetched."""

    kind = "html"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of text with the lines that it stands on."""
        parser = _Parser()
        parser.feed(decoded(source.read(limits.container_bytes)))
        parser.close()
        yield from parser.finished()


class _Parser(HTMLParser):
    # No tree is built, so that nesting costs nothing.
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._spans: list[Span] = []
        self._length = 0
        self._aside: list[tuple[str, str, int]] = []
        self._blocks: list[Block] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name not in _NO_TEXT:
                self._aside.append((f"{name}: ", unquote(value), self.getpos()[0]))
        if tag not in _INLINE:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self._break()

    def handle_data(self, data: str) -> None:
        if data.isspace():
            if not self._fresh:
                self._space(" ")
            return
        line, offset = self.getpos()
        self._add("", data, Place(line=line, column=offset + 1))

    def handle_comment(self, data: str) -> None:
        self._aside.append(("", data, self.getpos()[0]))

    def handle_decl(self, decl: str) -> None:
        self._aside.append(("", decl, self.getpos()[0]))

    def unknown_decl(self, data: str) -> None:
        self._aside.append(("", data, self.getpos()[0]))

    def handle_pi(self, data: str) -> None:
        self._aside.append(("", data, self.getpos()[0]))

    def finished(self) -> list[Block]:
        self._break()
        self._flush()
        return self._blocks

    def _break(self) -> None:
        """End a run of text: what follows is read apart, and what stood in attributes comes in between."""
        if not self._fresh:
            self._space("\n")
        for label, value, line in self._aside:
            self._add(label, value, Place(line=line))
            self._space("\n")
        self._aside = []
        if self._length >= _BLOCK:
            self._flush()

    @property
    def _fresh(self) -> bool:
        return not self._parts or self._parts[-1] == "\n"

    def _space(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _add(self, label: str, text: str, place: Place) -> None:
        self._space(label)
        self._parts.append(text)
        self._spans.append(Span(self._length, self._length + len(text), place))
        self._length += len(text)

    def _flush(self) -> None:
        if self._spans:
            self._blocks.append(Block("".join(self._parts), tuple(self._spans)))
        self._parts, self._spans, self._length = [], [], 0
