"""A page of a PDF as a picture with the data painted over in its pixels, and the remaining text behind it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pikepdf
import pypdfium2

from guarita.pii.redaction.interface import Edit
from guarita.pii.redaction.pdfpages import PageText

DOTS: Final = 150
"""Dots an inch."""
_LARGEST: Final = 40_000_000
"""Pixels of one page; a larger one is drawn coarser."""
_MARGIN: Final = 2


def rasterised(
    pdf: pikepdf.Pdf, page: pikepdf.Page, shown: pypdfium2.PdfPage, text: PageText, edits: Sequence[Edit]
) -> None:
    """Put a picture in the place of a page's content."""
    width, height = shown.get_size()
    scale = min(DOTS / 72, (_LARGEST / max(1.0, width * height)) ** 0.5)
    bitmap = shown.render(scale=scale, rev_byteorder=True)
    pixels = np.array(bitmap.to_numpy()[:, :, :3], copy=True)
    places = bitmap.get_posconv(shown)
    for edit in edits:
        for box in text.boxes(edit):
            corners = [places.to_bitmap(x, y) for x in (box.left, box.right) for y in (box.bottom, box.top)]
            columns, rows = [corner[0] for corner in corners], [corner[1] for corner in corners]
            pixels[
                max(0, min(rows) - _MARGIN) : max(0, max(rows) + _MARGIN),
                max(0, min(columns) - _MARGIN) : max(0, max(columns) + _MARGIN),
            ] = 0
    bitmap.close()
    image = pdf.make_stream(
        zlib.compress(pixels.tobytes(), 6),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=pixels.shape[1],
        Height=pixels.shape[0],
        ColorSpace=pikepdf.Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=pikepdf.Name.FlateDecode,
    )
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type1,
        BaseFont=pikepdf.Name.Helvetica,
        Encoding=pikepdf.Name.WinAnsiEncoding,
    )
    content = b"q %.2f 0 0 %.2f 0 0 cm /Page Do Q\n" % (width, height)
    content += _behind(_changed(text.text, edits), height)
    for key in (
        "/Rotate",
        "/CropBox",
        "/TrimBox",
        "/BleedBox",
        "/ArtBox",
        "/Group",
        "/StructParents",
        "/Annots",
    ):
        if key in page.obj:
            del page.obj[key]
    page.obj["/MediaBox"] = pikepdf.Array([0, 0, round(width, 2), round(height, 2)])
    page.obj["/Rotate"] = 0
    page.obj["/Resources"] = pikepdf.Dictionary(
        XObject=pikepdf.Dictionary(Page=image), Font=pikepdf.Dictionary(Behind=font)
    )
    page.obj["/Contents"] = pdf.make_stream(content)


def _changed(text: str, edits: Sequence[Edit]) -> str:
    at = 0
    parts: list[str] = []
    for start, end, new in edits:
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))


def _behind(text: str, height: float) -> bytes:
    """Text that is not shown, for whoever searches the page: a line below the other."""
    lines = text.splitlines()
    step = min(12.0, height / (len(lines) + 2))
    parts = [b"BT 3 Tr /Behind %.2f Tf %.2f TL 10 %.2f Td" % (0.8 * step, step, height - step)]
    for line in lines:
        shown = (
            line.encode("cp1252", "replace")
            .replace(b"\\", b"\\\\")
            .replace(b"(", b"\\(")
            .replace(b")", b"\\)")
        )
        parts.append(b"(%s) Tj T*" % shown.replace(b"\r", b" "))
    return b"\n".join((*parts, b"ET"))
