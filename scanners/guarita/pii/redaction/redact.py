"""The redactor of a kind of document, found by name, imported when it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, Final

from guarita.errors import MissingExtraError
from guarita.pii.documents import Limits, Source, kind_of
from guarita.pii.redaction.interface import Choices, Editor, Redactor, Report, not_redactable

REDACTORS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "csv": ("delimited", "DelimitedRedactor"),
        "docx": ("docx", "DocxRedactor"),
        "html": ("html", "HtmlRedactor"),
        "json": ("jsonlines", "JsonRedactor"),
        "jsonl": ("jsonlines", "JsonLinesRedactor"),
        "pdf": ("pdf", "PdfRedactor"),
        "text": ("text", "TextRedactor"),
        "xlsx": ("xlsx", "SpreadsheetRedactor"),
    }
)
"""Module and class by kind."""


def redactor(kind: str) -> Redactor:
    """The redactor of a kind. Raises DocumentError `document.not-redactable`, MissingExtraError."""
    if kind not in REDACTORS:
        raise not_redactable(
            f"documents of the kind {kind} are read, not redacted", hint="convert it, or keep it out"
        )
    module, name = REDACTORS[kind]
    try:
        found: Any = getattr(importlib.import_module(f"guarita.pii.redaction.{module}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError("pii", error.name or module) from error
    made: Redactor = found()
    return made


def redact(
    source: Source, target: BinaryIO, editor: Editor, limits: Limits, choices: Choices
) -> tuple[str, Report]:
    """Write a document without what the editor wants changed; gives its kind, and what was done.

    Raises DocumentError where it cannot be read to its end, or not be changed for certain.
    """
    kind = kind_of(source)
    return kind, redactor(kind).redact(source, target, editor, limits, choices)
