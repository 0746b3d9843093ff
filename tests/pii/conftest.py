"""Documents made on the spot, sound and hostile. Every value in them is invented."""

import io
import zipfile

import pytest


def make_pdf(pages, *, extra=b"", trailer=b"", annotation=None):
    """A small PDF: one text line a page, an optional note on the first."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    kids = []
    number = 4
    for index, text in enumerate(pages):
        page, content = number, number + 1
        number += 2
        stream = b"BT /F1 12 Tf 50 700 Td (" + text.encode("latin-1") + b") Tj ET"
        objects[content] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
        annots = b""
        if annotation and index == 0:
            objects[number] = (
                b"<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents (%s) >>" % annotation.encode()
            )
            annots = b"/Annots [%d 0 R]" % number
            number += 1
        objects[page] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> %s >>" % (content, annots)
        )
        kids.append(page)
    objects[2] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
        len(kids),
        b" ".join(b"%d 0 R" % kid for kid in kids),
    )
    out = bytearray(b"%PDF-1.4\n")
    offsets = {}
    for key in sorted(objects):
        offsets[key] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (key, objects[key])
    out += extra
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offsets[key] for key in sorted(objects))
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        trailer,
        start,
    )
    return bytes(out)


def make_zip(entries, compression=zipfile.ZIP_DEFLATED):
    """An archive of (name, content) pairs."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as file:
        for name, content in dict(entries).items():
            file.writestr(name, content)
    return target.getvalue()


SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def make_xlsx(sheets, *, hidden=(), extra=(), raw=None):
    """A workbook of {name: rows}; sheets whose names are in `hidden` are hidden. `raw` is a sheet's own XML."""
    from xml.sax.saxutils import escape

    names = list(sheets)
    entries = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{RELATIONS}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}"{" state=" + chr(34) + "hidden" + chr(34) if name in hidden else ""}/>'
            for i, name in enumerate(names, 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{i}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(names) + 1)
        )
        + "</Relationships>",
    }
    for i, name in enumerate(names, 1):
        rows = "".join(
            f'<row r="{r}">'
            + "".join(
                f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
                if isinstance(cell, str)
                else f'<c r="{chr(64 + c)}{r}"><v>{cell}</v></c>'
                for c, cell in enumerate(row, 1)
            )
            + "</row>"
            for r, row in enumerate(sheets[name], 1)
        )
        entries[f"xl/worksheets/sheet{i}.xml"] = (
            raw or f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'
        )
    return make_zip({**entries, **dict(extra)})


OFFICE = "urn:oasis:names:tc:opendocument:xmlns"


def make_ods(body, *, prefix=""):
    """A spreadsheet in OpenDocument with this XML between its spreadsheet tags."""
    content = (
        f'{prefix}<office:document-content xmlns:office="{OFFICE}:office:1.0" xmlns:table="{OFFICE}:table:1.0" '
        f'xmlns:text="{OFFICE}:text:1.0"><office:body><office:spreadsheet>{body}</office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    return make_zip({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content})


@pytest.fixture
def make():
    """The makers of documents, by format."""
    import types

    return types.SimpleNamespace(pdf=make_pdf, zip=make_zip, xlsx=make_xlsx, ods=make_ods)


ENCRYPTED = (
    b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (%s) /U (%s) >> /ID [(0123456789abcdef) (0123456789abcdef)]"
    % (
        b"o" * 32,
        b"u" * 32,
    )
)


@pytest.fixture
def encrypted_pdf():
    """A PDF that asks for a password."""
    return make_pdf(["secret"], trailer=ENCRYPTED)
