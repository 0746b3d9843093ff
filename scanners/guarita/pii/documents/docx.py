"""DOCX: every part of the package that holds text, whether Word shows it or not.

The parts are read as XML rather than through python-docx, which gives the paragraphs of the body but not text
boxes, tracked deletions, footnotes, field codes, alternative texts and parts that nothing refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guarita.pii.documents import xmltext
from guarita.pii.documents.archive import open_archive
from guarita.pii.documents.interface import Block, Extractor, Limits, Source, damaged
from guarita.pii.documents.ooxml import LinkHandler, LooseHandler, PartHandler
from guarita.pii.documents.package import Part, beside, part_kind

_PART_NAMES = {"document": "body", "core": "properties", "app": "properties", "custom": "properties"}
# Names, colours and geometry of the format itself.
_SKIPPED = re.compile(
    r"^(?:\[Content_Types\]\.xml|word/(?:styles|stylesWithEffects|fontTable|webSettings|numbering)\.xml"
    r"|word/theme/.*|_rels/\.rels)$"
)


class DocxExtractor(Extractor):
    """Reads body, tables, headers, footers, comments, notes, text boxes, properties, links and embedded files."""

    kind = "docx"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks by part and paragraph; a table by row and column."""
        with open_archive(source, limits) as archive:
            if "word/document.xml" not in archive.names:
                raise damaged("it has no document part")
            for name in archive.names:
                if is_read(name):
                    part = handler(name)
                    xmltext.parse(archive.pieces(name), part, limits, part.part)
                    yield from part.blocks(limits)
            yield from beside(archive, limits)


def is_read(name: str) -> bool:
    """Whether a part is XML that may hold somebody's text."""
    return part_kind(name) is Part.XML and not _SKIPPED.match(name)


def handler(name: str) -> PartHandler:
    """What reads a part of this name."""
    part = _part_name(name)
    if name.endswith(".rels"):
        return LinkHandler(part)
    return PartHandler(part) if name.startswith("word/") and name.endswith(".xml") else LooseHandler(part)


def _part_name(name: str) -> str:
    """What to call a part: `body`, `header`, `footnotes`. Never more of its name than letters."""
    if name.startswith("customXml/"):
        return "custom data"
    stem = name.rpartition("/")[2].partition(".")[0]
    return _PART_NAMES.get(stem, re.sub(r"[^a-zA-Z]", "", stem)[:24] or "part")
