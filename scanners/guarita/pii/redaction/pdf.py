"""PDF: data taken out of the content of pages, never covered only; what hides or carries data taken out of the file.

PDFium says what a page's text is and which text object each character is of; qpdf changes the operators that show
those objects. Both read a page's operators in the same order, and the count is compared. A page where that does not
fit, or where a datum also stands in a picture, is drawn, the data painted over in its pixels, and given as a picture
with the remaining text behind it; or the document is refused, as the policy says.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import pikepdf

from guarita.pii.documents import Block, Limits, Source, Span, pdfobjects
from guarita.pii.documents.interface import Place, damaged
from guarita.pii.documents.pdf import open_page, open_pdf
from guarita.pii.redaction.interface import Choices, Edit, Editor, Redactor, Report, not_redactable
from guarita.pii.redaction.pdfoperators import Operators
from guarita.pii.redaction.pdfpages import PageText, words_over
from guarita.pii.redaction.pdfraster import rasterised

_ROOT: Final = {
    "/AA": "action", "/AcroForm": "form", "/AF": "attachment", "/Collection": "attachment", "/DSS": "signature",
    "/Metadata": "metadata", "/OpenAction": "action", "/Perms": "signature", "/PieceInfo": "metadata", "/SpiderInfo": "metadata",
    "/Threads": "metadata",
}  # fmt: skip
_NAMES: Final = {
    "/EmbeddedFiles": "attachment",
    "/JavaScript": "script",
    "/Renditions": "attachment",
    "/AlternatePresentations": "script",
}
_PAGE: Final = ("/AA", "/AF", "/B", "/Metadata", "/PieceInfo", "/Thumb", "/VP")
_LINK: Final = "/Link"


class PdfRedactor(Redactor):
    """Writes the file anew, in one revision."""

    kind = "pdf"

    def redact(
        self, source: Source, target: BinaryIO, editor: Editor, limits: Limits, choices: Choices
    ) -> Report:
        report = Report()
        data = source.read(limits.container_bytes)
        with pdfobjects.opened(data) as pdf:
            if len(pdf.pages) > limits.pages:
                raise not_redactable(f"it has {len(pdf.pages)} pages, where {limits.pages} are read")
            try:
                _strip(pdf, report.removed, choices)
                for text, put in list(pdfobjects.strings(pdf, limits)):
                    clean = editor.word(text)
                    if clean != text:
                        put(clean)
                flat = _saved(pdf)
                values = _pages(pdf, flat, editor, report.removed, choices)
                pdf.remove_unreferenced_resources()
                result = _saved(pdf)
            except (pikepdf.PdfError, RecursionError, OverflowError, UnicodeDecodeError):
                raise damaged("its pages cannot be written anew") from None
        _must_be_gone(result, values)
        target.write(result)
        return report


def _strip(pdf: pikepdf.Pdf, counts: Counter[str], choices: Choices) -> None:
    """Take out what pages do not show; what annotations and forms show becomes part of their pages."""
    names = pdf.Root.get("/Names")
    if isinstance(names, pikepdf.Dictionary):
        if "/EmbeddedFiles" in names and choices.embedded == "refuse":
            raise not_redactable(
                "it carries attached files", hint="set pii.handling.embedded to remove, or take them out"
            )
        _drop(names, _NAMES, counts)
    if "/AcroForm" in pdf.Root:
        pdf.generate_appearance_streams()
    pdf.flatten_annotations("screen")
    _drop(pdf.Root, _ROOT, counts)
    _drop(pdf.trailer, {"/Info": "metadata"}, counts)
    for page in pdf.pages:
        _drop(page.obj, dict.fromkeys(_PAGE, "metadata"), counts)
        _strip_annotations(page, counts)
    for item in pdf.objects:
        # Metadata of pictures and fonts.
        if isinstance(item, pikepdf.Stream) and "/Metadata" in item.stream_dict:
            del item.stream_dict["/Metadata"]


def _drop(holder: Any, kinds: Mapping[str, str], counts: Counter[str]) -> None:
    for key, kind in kinds.items():
        if key in holder:
            del holder[key]
            counts[kind] += 1


def _strip_annotations(page: pikepdf.Page, counts: Counter[str]) -> None:
    """Links within the file and to addresses stay; nothing else that lies on a page does."""
    kept = []
    for annotation in page.obj.get("/Annots", []):
        if isinstance(annotation, pikepdf.Dictionary) and annotation.get("/Subtype") == _LINK:
            action = annotation.get("/A")
            kinds = {"/URI", "/GoTo", "/Named"}
            if isinstance(action, pikepdf.Dictionary) and str(action.get("/S", "")) not in kinds:
                del annotation["/A"]
            for key in ("/AA", "/Contents", "/PA"):
                if key in annotation:
                    del annotation[key]
            kept.append(annotation)
        else:
            counts["annotation"] += 1
    if "/Annots" in page.obj:
        del page.obj["/Annots"]
    if kept:
        page.obj["/Annots"] = pikepdf.Array(kept)


def _saved(pdf: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True)
    return out.getvalue()


def _pages(
    pdf: pikepdf.Pdf, flat: bytes, editor: Editor, counts: Counter[str], choices: Choices
) -> list[str]:
    """Take data out of every page; gives what was taken."""
    values: list[str] = []
    document = open_pdf(flat)
    operators = Operators(pdf)
    try:
        for number, page in enumerate(pdf.pages):
            shown = open_page(document, number)
            try:
                text = PageText(shown)
                edits = _edits(editor, text.text)
                values += (text.text[edit.start : edit.end] for edit in edits)
                if operators.take(page, text, edits):
                    words_over(page, text, edits)
                    continue
                if choices.pages == "refuse":
                    raise not_redactable(
                        f"page {number + 1}: data cannot be taken out of its content for certain",
                        hint="set pii.handling.pages to rasterise",
                    )
                rasterised(pdf, page, shown, text, edits)
                counts["page as text"] += 1
            finally:
                shown.close()
    finally:
        document.close()
    operators.finish()
    return values


def _edits(editor: Editor, text: str) -> list[Edit]:
    if not text.strip():
        return []
    block = Block(text, (Span(0, len(text), Place()),))
    return list(editor.edits(block))


def _must_be_gone(result: bytes, values: list[str]) -> None:
    """Look for what was taken out in every stream and object of the result: as Latin, as UTF-16, in hex."""
    wanted: set[bytes] = set()
    for value in {value.strip() for value in values}:
        if len(value) < _SHORTEST:
            continue
        for encoded in (value.encode("cp1252", "replace"), value.encode("utf-16-be", "replace")):
            wanted |= {encoded, encoded.hex().encode(), encoded.hex().upper().encode()}
    if not wanted:
        return
    with pdfobjects.opened(result) as pdf:
        for item in pdf.objects:
            for content in _contents(item):
                if any(value in content for value in wanted):
                    raise not_redactable(
                        "a datum that was taken out of a page stands in another part of the file"
                    )


_SHORTEST: Final = 6


def _contents(item: Any) -> list[bytes]:
    if not isinstance(item, pikepdf.Stream):
        return []
    if item.get("/Subtype") == "/Image":
        return []
    try:
        return [item.read_bytes()]
    except pikepdf.PdfError:
        return [item.read_raw_bytes()]
