"""One page of a PDF: its text by PDFium with the place of every character, and words in the place of data."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

from guarita.pii.documents.interface import damaged
from guarita.pii.redaction.interface import Edit

_DEPTH: Final = 20
"""Forms within forms."""


class Box(NamedTuple):
    """A rectangle on the page, in its own units of 1/72 inch."""

    left: float
    bottom: float
    right: float
    top: float

    def joined(self, other: Box) -> Box:
        """Both in one."""
        return Box(
            min(self.left, other.left),
            min(self.bottom, other.bottom),
            max(self.right, other.right),
            max(self.top, other.top),
        )

    def meets(self, other: Box) -> bool:
        """Whether they share some area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


class PageText:
    """The text of a page as the extractor reads it, and where each character of it comes from."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._page = page
        self._text = page.get_textpage()
        raw = self._text.get_text_range()
        self.text = ""
        self._indexes: list[int] = []
        self._read(raw)
        self.objects = list(_text_objects(page))
        """Addresses of the page's text objects, in the order in which they are drawn."""
        self.pictures = [
            Box(*item.get_bounds()) for item in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,))
        ]

    def _read(self, raw: str) -> None:
        parts: list[str] = []
        unit = 0
        at = 0
        while at < len(raw):
            character = raw[at]
            width = 2 if ord(character) > 0xFFFF else 1  # noqa: PLR2004  # units of UTF-16
            if raw.startswith("\r\n", at):
                parts.append("\n")
                self._indexes.append(-1)
                at += 2
                unit += 2
                continue
            # \ufffe is how PDFium writes a hyphen at a line's end.
            parts.append("-" if character == "\ufffe" else character)
            self._indexes.append(pdfium.FPDFText_GetCharIndexFromTextIndex(self._text, unit))
            at += 1
            unit += width
        self.text = "".join(parts)

    def characters(self, edit: Edit) -> list[int]:
        """PDFium's numbers of the characters of an edit that something on the page shows."""
        return [
            index
            for index in self._indexes[edit.start : edit.end]
            if index >= 0 and not pdfium.FPDFText_IsGenerated(self._text, index) > 0
        ]

    def owner(self, index: int) -> int:
        """The address of the text object that shows a character; 0 where none is known."""
        found = pdfium.FPDFText_GetTextObject(self._text, index)
        return ctypes.addressof(found.contents) if found else 0

    def members(self) -> dict[int, list[int]]:
        """For each text object its characters in order."""
        answer: dict[int, list[int]] = {}
        for index in range(pdfium.FPDFText_CountChars(self._text)):
            if pdfium.FPDFText_IsGenerated(self._text, index) > 0:
                continue
            answer.setdefault(self.owner(index), []).append(index)
        return answer

    def box(self, index: int) -> Box:
        """Where a character stands."""
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        if pdfium.FPDFText_GetCharBox(self._text, index, left, right, bottom, top):
            tight = Box(left.value, bottom.value, right.value, top.value)
            rect = pdfium.FS_RECTF()
            if pdfium.FPDFText_GetLooseCharBox(self._text, index, rect):
                return tight.joined(Box(rect.left, rect.bottom, rect.right, rect.top))
            return tight
        raise damaged("the place of a character on a page is unknown")

    def boxes(self, edit: Edit) -> list[Box]:
        """The rectangles that an edit's characters cover, one a line."""
        lines: list[Box] = []
        for index in self.characters(edit):
            box = self.box(index)
            middle = (box.bottom + box.top) / 2
            if lines and lines[-1].bottom <= middle <= lines[-1].top:
                lines[-1] = lines[-1].joined(box)
            else:
                lines.append(box)
        return lines

    def advance(self, first: int, following: int | None) -> float:
        """How far a run of characters moves the pen, in thousandths of its font's size."""
        x, y = ctypes.c_double(), ctypes.c_double()
        pdfium.FPDFText_GetCharOrigin(self._text, first, x, y)
        start = (x.value, y.value)
        if following is None:
            return 0.0
        pdfium.FPDFText_GetCharOrigin(self._text, following, x, y)
        size = pdfium.FPDFText_GetFontSize(self._text, first)
        matrix = pdfium.FS_MATRIX()
        scale = 1.0
        if pdfium.FPDFText_GetMatrix(self._text, first, matrix):
            scale = math.hypot(matrix.a, matrix.b) or 1.0
        return 1000 * math.dist(start, (x.value, y.value)) / ((size or 1.0) * scale)


def _text_objects(page: pypdfium2.PdfPage) -> Iterator[int]:
    """Text objects in the order in which a page draws them, those of forms where the form is drawn."""
    stack = [
        (pdfium.FPDFPage_GetObject(page, number), 0)
        for number in reversed(range(pdfium.FPDFPage_CountObjects(page)))
    ]
    while stack:
        item, depth = stack.pop()
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            yield ctypes.addressof(item.contents)
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEPTH:
            stack += (
                (pdfium.FPDFFormObj_GetObject(item, number), depth + 1)
                for number in reversed(range(pdfium.FPDFFormObj_CountObjects(item)))
            )


def words_over(page: pikepdf.Page, text: PageText, edits: Sequence[Edit]) -> None:
    """Write in the place of each datum what stands for it, on grey."""
    drawn: list[bytes] = []
    for edit in edits:
        for number, box in enumerate(text.boxes(edit)):
            width, height = box.right - box.left, box.top - box.bottom
            drawn.append(b"0.88 g %.2f %.2f %.2f %.2f re f" % (box.left, box.bottom, width, height))
            if number == 0 and edit.text and height > 0:
                drawn.append(_word(edit.text, box, width, height))
    if not drawn:
        return
    name = page.add_resource(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type1,
            BaseFont=pikepdf.Name.Helvetica,
            Encoding=pikepdf.Name.WinAnsiEncoding,
        ),
        pikepdf.Name.Font,
    )
    page.contents_add(b"q\n", prepend=True)
    overlay = b"\n".join(drawn).replace(b"/FONT", str(name).encode())
    page.contents_add(b"\nQ\nq\n" + overlay + b"\nQ\n")


def _word(word: str, box: Box, width: float, height: float) -> bytes:
    size = 0.7 * height
    # Helvetica is about half as wide as it is high.
    stretch = min(100.0, 100 * width / max(1.0, 0.6 * size * len(word)))
    shown = (
        word.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    )
    return b"BT 0 g /FONT %.2f Tf %.2f Tz %.2f %.2f Td (%s) Tj ET" % (
        size,
        max(1.0, stretch),
        box.left,
        box.bottom + 0.2 * height,
        shown,
    )
