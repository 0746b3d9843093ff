"""PDF: the text of each page, notes and form fields on it, properties, and attached files."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from guarita.pii.documents import pdfobjects
from guarita.pii.documents.archive import encrypted
from guarita.pii.documents.interface import (
    Block,
    DocumentError,
    Extractor,
    Limits,
    Place,
    Source,
    Span,
    damaged,
)
from guarita.pii.documents.package import nested, unread

_FIELDS = (b"Contents", b"V", b"T", b"TU", b"DV")
"""Of an annotation: what a note says; value, name, tooltip and default of a form field."""
_END: Final = re.compile(rb"%%EOF[ \t]*(?:\r\n|\r|\n)?")
REVISIONS: Final = 20
"""Earlier revisions that are read."""
_IMAGE = pdfium.FPDF_PAGEOBJ_IMAGE


class PdfExtractor(Extractor):
    """Reads PDF by Chromium's engine. Scripts in it are not run."""

    kind = "pdf"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """A block for each page. Raises DocumentError `document.no-text` for pages that are only pictures."""
        data = source.read(limits.container_bytes)
        document = open_pdf(data)
        try:
            pages = len(document)
            if pages > limits.pages:
                raise DocumentError(
                    "document.too-large", f"it has {pages} pages, where {limits.pages} are read"
                )
            yield from _attachments(document, limits)
            told: set[str] = set()
            seen = pictures = False
            for number in range(pages):
                page = open_page(document, number)
                try:
                    texts = [_page_text(page, number), *_annotations(page)]
                    seen = seen or any(text.strip() for text in texts)
                    shown = sum(1 for _ in page.get_objects(filter=(_IMAGE,)))
                    pictures = pictures or bool(shown)
                finally:
                    page.close()
                if shown:
                    yield unread("picture")
                told.update(texts)
                yield from _block(texts, f"page {number + 1}")
            yield from _hidden(data, told, limits)
            yield from _revisions(data, told)
            if pictures and not seen:
                raise DocumentError(
                    "document.no-text",
                    "its pages are pictures without text, so their content is unknown",
                    hint="recognise its text first, or exclude it by a named rule with a reason",
                )
        finally:
            document.close()


def _attachments(document: pypdfium2.PdfDocument, limits: Limits) -> Iterator[Block]:
    for number in range(document.count_attachments()):
        try:
            attachment = document.get_attachment(number)
            inner = Source(attachment.get_name(), data=bytes(attachment.get_data()))
        except pypdfium2.PdfiumError:
            yield unread("object")
            continue
        yield from _block([inner.name], f"attached file {number + 1}, name")
        yield from nested(inner, f"attached file {number + 1}", limits)


def _revisions(data: bytes, told: set[str]) -> Iterator[Block]:
    """What earlier revisions say that the last one does not: a file that is written on keeps them."""
    ends = [match.end() for match in _END.finditer(data)][:-1]
    for number, end in enumerate(ends[:REVISIONS], start=1):
        try:
            document = open_pdf(data[:end])
        except DocumentError:
            # The first part of a file that is ordered for the web is no file of its own.
            continue
        try:
            texts: list[str] = []
            for index in range(len(document)):
                page = open_page(document, index)
                try:
                    texts += (
                        text for text in [_page_text(page, index), *_annotations(page)] if text not in told
                    )
                finally:
                    page.close()
            told.update(texts)
            yield from _block(texts, f"earlier revision {number}")
        except DocumentError:
            continue
        finally:
            document.close()


def _hidden(data: bytes, told: set[str], limits: Limits) -> Iterator[Block]:
    """What stands in objects that no page shows, beside what is told already."""
    with pdfobjects.opened(data) as pdf:
        found = [text for text, _ in pdfobjects.strings(pdf, limits) if text not in told]
        yield from _block(found, "properties")
        yield from _block(list(pdfobjects.hidden_texts(pdf)), "metadata")


def open_pdf(data: bytes) -> pypdfium2.PdfDocument:
    """A PDF by PDFium. Raises DocumentError."""
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise encrypted() from None
        raise damaged("it is no PDF that can be opened") from None


def open_page(document: pypdfium2.PdfDocument, number: int) -> pypdfium2.PdfPage:
    """A page, counted from 0. Raises DocumentError."""
    try:
        return document[number]
    except (pypdfium2.PdfiumError, IndexError):
        raise damaged(f"page {number + 1} cannot be loaded") from None


def _page_text(page: pypdfium2.PdfPage, number: int) -> str:
    try:
        textpage = page.get_textpage()
    except pypdfium2.PdfiumError:
        raise damaged(f"the text of page {number + 1} cannot be loaded") from None
    try:
        # \ufffe is how PDFium writes a hyphen at a line's end.
        text: str = textpage.get_text_range().replace("\r\n", "\n").replace("\ufffe", "-")
        return text
    finally:
        textpage.close()


def _annotations(page: pypdfium2.PdfPage) -> Iterator[str]:
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            for key in _FIELDS:
                yield _annotation_text(annotation, key)
            link = pdfium.FPDFAnnot_GetLink(annotation)
            if link:
                yield _link_target(page.pdf, link)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _annotation_text(annotation: object, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if size <= 2:  # noqa: PLR2004  # the two bytes that end an empty string
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    pdfium.FPDFAnnot_GetStringValue(annotation, key, buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def _link_target(document: pypdfium2.PdfDocument, link: object) -> str:
    action = pdfium.FPDFLink_GetAction(link)
    if not action:
        return ""
    size = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
    if size <= 1:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
    return buffer.value.decode("utf-8", "replace")


def _block(texts: list[str], where: str) -> Iterator[Block]:
    kept = [text for text in texts if text and text.strip()]
    if not kept:
        return
    text = "\n".join(kept)
    yield Block(text, (Span(0, len(text), Place(label=where)),))
