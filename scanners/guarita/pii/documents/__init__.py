"""Documents: one extractor for each format, chosen by content, with the ending as a hint."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from guarita.errors import MissingExtraError
from guarita.pii.documents.interface import (
    DEFAULT_LIMITS,
    Block,
    DocumentError,
    Extractor,
    Limits,
    Place,
    Source,
    Span,
)
from guarita.pii.documents.sniff import kind_of

__all__ = [
    "DEFAULT_LIMITS",
    "EXTRACTORS",
    "Block",
    "DocumentError",
    "Extractor",
    "Limits",
    "Place",
    "Source",
    "Span",
    "blocks",
    "extractor",
    "kind_of",
]

EXTRACTORS: Mapping[str, tuple[str, str]] = {
    "csv": ("delimited", "DelimitedExtractor"),
    "docx": ("docx", "DocxExtractor"),
    "html": ("html", "HtmlExtractor"),
    "json": ("jsonlines", "JsonExtractor"),
    "jsonl": ("jsonlines", "JsonLinesExtractor"),
    "ods": ("opendocument", "OpenDocumentExtractor"),
    "pdf": ("pdf", "PdfExtractor"),
    "text": ("text", "TextExtractor"),
    "xlsx": ("spreadsheet", "SpreadsheetExtractor"),
}
"""Module and class by kind. A module is imported when a document of its kind is met."""


def extractor(kind: str) -> Extractor:
    """The extractor for a kind. Raises MissingExtraError when its library is not installed."""
    module, name = EXTRACTORS[kind]
    try:
        found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError("pii", error.name or module) from error
    made: Extractor = found()
    return made


def blocks(source: Source, limits: Limits = DEFAULT_LIMITS) -> Iterator[Block]:
    """The text of a document, in order, every part of it.

    Raises DocumentError when it cannot be read to its end within the limits; what was given before that is
    still true.
    """
    yield from extractor(kind_of(source)).blocks(source, limits)
