"""Which files are documents: by the ending of the name, or by the first bytes."""

from __future__ import annotations

import re
from typing import Final

ENDINGS: Final = frozenset(
    {
        ".csv",
        ".docm",
        ".docx",
        ".htm",
        ".html",
        ".ipynb",
        ".jsonl",
        ".markdown",
        ".md",
        ".mdx",
        ".ndjson",
        ".ods",
        ".pdf",
        ".rst",
        ".tsv",
        ".txt",
        ".xhtml",
        ".xlsm",
        ".xlsx",
        # Recognised and refused, which is an answer: nobody knows what stands in them.
        ".doc",
        ".odt",
        ".pptx",
        ".rtf",
        ".xls",
    }
)
_NOT_DOCUMENTS: Final = re.compile(
    r"(?:.*requirements.*|.*constraints.*|robots|security|humans|cmakelists|.*\.lock|sources|top_level"
    r"|licen[cs]e.*|copying.*|notice.*|copyright.*|authors|third[-_]party.*)\.txt"
    r"|licen[cs]e[^/]*\.(?:md|rst|markdown)|copying\.(?:md|rst)|notice\.(?:md|rst)",
    re.IGNORECASE,
)
"""Texts for programs, and notices whose law asks for names: neither is a document of the platform."""
_OFFICE_PART: Final = re.compile(rb"\[Content_Types\]\.xml|word/|xl/workbook|ppt/presentation")
_OPEN_DOCUMENT: Final = b"mimetypeapplication/vnd.oasis.opendocument."
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_document(name: str, head: bytes) -> bool:
    """Whether a file is a document, by its name and first bytes. A PDF or office file is one under any name."""
    stem, dot, ending = name.rpartition(".")
    if stem and dot + ending.lower() in ENDINGS:
        return _NOT_DOCUMENTS.fullmatch(name) is None
    if head.startswith((b"%PDF-", _OLE)):
        return True
    return head.startswith(b"PK\x03\x04") and (
        _OFFICE_PART.search(head) is not None or head[30:].startswith(_OPEN_DOCUMENT)
    )
