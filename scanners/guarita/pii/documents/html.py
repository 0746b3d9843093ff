"""HTML: text as it reads, and what the page does not show: attributes, comments, scripts, hidden parts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote

from guarita.pii.documents.decode import decoded
from guarita.pii.documents.interface import Block, Extractor, Limits, Origin, Place, Source, Span

_INLINE_WORDS = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span "
    "strike strong sub sup time tt u var wbr"
)
_INLINE = frozenset(_INLINE_WORDS.split())
_NO_TEXT = frozenset({"class", "d", "integrity", "points", "srcset", "style", "transform"})
"""Attributes that hold styles, digests and drawings."""
_BLOCK = 1 << 16
_TAG_NAME: Final = re.compile(r"<[a-zA-Z][^\s/>]*")
_ATTRIBUTE: Final = re.compile(
    r"""((?<=['"\s/])[^\s/>][^\s/=>]*)(\s*=+\s*('[^']*'|"[^"]*"|(?!['"])[^>\s]*))?(?:\s|/(?!>))*"""
)
"""As html.parser finds them."""
_NAME: Final = re.compile(r"[A-Za-z@:_.\-]*\d{0,4}[A-Za-z:_.\-]*")
"""Names of tags and attributes; others are something else."""


class HtmlExtractor(Extractor):
    """Reads HTML as it stands; nothing in it is run or fetched."""

    kind = "html"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of text with the lines that it stands on."""
        yield from page_blocks(decoded(source.read(limits.container_bytes)))


def page_blocks(page: str) -> list[Block]:
    """The blocks of a page; their origins are positions in `page`."""
    parser = _Parser(page)
    parser.feed(page)
    parser.close()
    return parser.finished()


class _Parser(HTMLParser):
    # No tree is built, so that nesting costs nothing.
    def __init__(self, page: str) -> None:
        # Escapes are read here, so that the place of every character is known.
        super().__init__(convert_charrefs=False)
        self._page = page
        self._lines = [0, *(match.end() for match in re.finditer("\n", page))]
        self._parts: list[str] = []
        self._spans: list[Span] = []
        self._origins: list[Origin] = []
        self._length = 0
        self._aside: list[tuple[str, str, int, Origin | None]] = []
        self._blocks: list[Block] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # read with their places below
        line, _ = self.getpos()
        for name, value, origin in self._attributes():
            if name not in _NO_TEXT:
                self._aside.append((f"{name}: " if name else "", value, line, origin))
        if tag not in _INLINE:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        # What stands in an end tag behind its name is shown by nobody, and is there.
        at = self._at()
        end = self._page.find(">", at)
        self._hidden(self._page[at + 2 + len(tag) : end].strip() if end > 0 else "")
        if tag not in _INLINE:
            self._break()

    def handle_data(self, data: str) -> None:
        self._characters(data, data)

    def handle_entityref(self, name: str) -> None:
        self._escape(f"&{name}")

    def handle_charref(self, name: str) -> None:
        self._escape(f"&#{name}")

    def handle_comment(self, data: str) -> None:
        self._hidden(data)

    def handle_decl(self, decl: str) -> None:
        self._hidden(decl)

    def unknown_decl(self, data: str) -> None:
        self._hidden(data)

    def handle_pi(self, data: str) -> None:
        self._hidden(data)

    def finished(self) -> list[Block]:
        if self.rawdata:
            # A script or style that never ends: the parser keeps it to itself.
            at = len(self._page) - len(self.rawdata)
            self._aside.append(("", self.rawdata, self.getpos()[0], Origin(0, 0, at, len(self._page), "raw")))
        self._break()
        self._flush()
        return self._blocks

    def _at(self) -> int:
        """Where in the page the parser stands."""
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _attributes(self) -> Iterator[tuple[str, str, Origin]]:
        """Name, value and place of each attribute of the tag that starts here; a name that is none alone."""
        tag = self.get_starttag_text() or ""
        start, tag_name = self._at(), _TAG_NAME.match(tag)
        end = tag_name.end() if tag_name else 1
        names = [(1, end)]
        for match in _ATTRIBUTE.finditer(tag, end):
            names.append(match.span(1))
            raw = match[3]
            if not raw:
                continue
            quotes = raw[0] in "'\"" and len(raw) > 1 and raw[0] == raw[-1]
            low, high = match.start(3) + quotes, match.end(3) - quotes
            value = unquote(html.unescape(tag[low:high]))
            yield (
                match[1].lower(),
                value,
                Origin(0, 0, start + match.start(3), start + match.end(3), "attribute", False),
            )
        for low, high in names:
            if low < high and not _NAME.fullmatch(tag, low, high):
                yield "", tag[low:high], Origin(0, 0, start + low, start + high, "raw")

    def _escape(self, raw: str) -> None:
        at = self._at()
        if self._page[at + len(raw) : at + len(raw) + 1] == ";":
            raw += ";"
        self._characters(html.unescape(raw), raw)

    def _characters(self, text: str, raw: str) -> None:
        if text.isspace():
            if not self._fresh:
                self._space(" ")
            return
        line, offset = self.getpos()
        at = self._at()
        self._add(
            "",
            text,
            Place(line=line, column=offset + 1),
            Origin(0, 0, at, at + len(raw), "text", text == raw),
        )

    def _hidden(self, data: str) -> None:
        if not data:
            return
        at = self._page.find(data, self._at())
        origin = Origin(0, 0, at, at + len(data), "raw") if at >= 0 else None
        self._aside.append(("", data, self.getpos()[0], origin))

    def _break(self) -> None:
        """End a run of text: what follows is read apart, and what stood in attributes comes in between."""
        if not self._fresh:
            self._space("\n")
        for label, value, line, origin in self._aside:
            self._add(label, value, Place(line=line), origin)
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

    def _add(self, label: str, text: str, place: Place, origin: Origin | None) -> None:
        if label:
            self._space(label)
        self._parts.append(text)
        start, end = self._length, self._length + len(text)
        self._spans.append(Span(start, end, place))
        if origin is not None:
            self._origins.append(Origin(start, end, origin.low, origin.high, origin.form, origin.verbatim))
        self._length = end

    def _flush(self) -> None:
        if self._spans:
            self._blocks.append(Block("".join(self._parts), tuple(self._spans), origins=tuple(self._origins)))
        self._parts, self._spans, self._origins, self._length = [], [], [], 0
