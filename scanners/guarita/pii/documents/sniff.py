"""Which kind a document is: by its first bytes, then by the ending of its name."""

from __future__ import annotations

import re
import zipfile
from typing import Final

from guarita.pii.documents.archive import encrypted
from guarita.pii.documents.decode import encoding
from guarita.pii.documents.interface import DocumentError, Source, damaged

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_WITHIN: Final = 1024
_TEXT_KINDS: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".ipynb": "json",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
_HTML: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


def kind_of(source: Source) -> str:
    """The kind of a document: `pdf`, `docx`, `xlsx`, `ods`, `html`, `csv`, `jsonl`, `json` or `text`.

    Raises DocumentError: `document.encrypted` and `document.unsupported` for office files that cannot be
    read, `document.binary` for what is no document.
    """
    head = source.head()
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf"
    if head.startswith(_OLE):
        raise _ole(source)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _archive_kind(source)
    if head.startswith(b"{\\rtf"):
        raise unsupported("a Rich Text file")
    if encoding(head) is None:
        raise DocumentError(
            "document.binary",
            "its content is no text and no document that can be read",
            hint="exclude it by a named rule if it is no document",
        )
    if source.suffix in {".pdf", ".docx", ".xlsx", ".xlsm", ".ods"} and source.size:
        # A text under such a name is read as what it is; what is no text has been refused above.
        return "html" if _HTML.match(head) else "text"
    kind = _TEXT_KINDS.get(source.suffix, "text")
    return "html" if kind == "text" and _HTML.match(head) else kind


def unsupported(what: str) -> DocumentError:
    """The refusal of a kind that is recognised and not read."""
    return DocumentError(
        "document.unsupported",
        f"it is {what}, which is not read",
        hint="save it as PDF, DOCX, XLSX or text, or exclude it by a named rule with a reason",
    )


def _archive_kind(source: Source) -> str:
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as file:
            names = set(file.namelist())
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
        raise damaged("its archive has no valid directory") from None
    if "word/document.xml" in names:
        return "docx"
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "content.xml" in names:
        return "ods"
    raise unsupported("an archive, or an office file of another kind")


def _ole(source: Source) -> DocumentError:
    """An encrypted office file is an OLE container with a stream of that name; others are of before 2007."""
    with source.open() as stream:
        tail = b""
        while piece := stream.read(1 << 20):
            if "EncryptedPackage".encode("utf-16-le") in tail + piece:
                return encrypted()
            tail = piece[-64:]
    return unsupported("an office file in the binary format of before 2007")
