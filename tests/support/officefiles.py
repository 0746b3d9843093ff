"""Office files with data in every corner: made by the libraries that people use, and by hand where those cannot."""

import io
import random
import zipfile

import docx
from canaries import seen
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from guarita.pii.checkdigits import cpf_check

WORD = nsdecls("w")
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


class Secrets:
    """A new CPF or address for each place."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self.made = {}

    def __call__(self, place, *, mail=False, plain=False):
        if mail:
            value = f"{place}.prado@correios.net.br"
        else:
            digits = [self._random.randrange(1, 10) for _ in range(9)]
            text = "".join(map(str, [*digits, *cpf_check(digits)]))
            value = text if plain else f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
        self.made[place] = value
        return value

    def left(self, entries):
        """Which of them stand anywhere in some bytes by name, in any spelling."""
        return {place: seen(value, entries) for place, value in self.made.items() if seen(value, entries)}


def png(text=b"Author\0Joana Prado"):
    """One pixel, with a text chunk."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + chunk(b"tEXt", text)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def change_zip(data, changes):
    """An archive with entries replaced, added, or taken out (None); a function changes what is there."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name in changes:
                change = changes[name]
                content = change(content.decode()) if callable(change) else change
            if content is not None:
                new.writestr(name, content)
        for name, content in changes.items():
            if name not in old.namelist():
                new.writestr(name, content)
    return target.getvalue()


def word(secret, inner=b"an embedded object"):
    """A DOCX with `secret(place)` in each place that a DOCX has; `inner` is an embedded workbook."""
    document = docx.Document()
    properties = document.core_properties
    properties.author = secret("author")
    properties.last_modified_by = secret("editor")
    properties.title = f"CPF {secret('title')}"
    properties.comments = f"CPF {secret('description')}"
    document.add_heading("Ficha", 1)
    body = document.add_paragraph("O CPF é ")
    value = secret("split")
    for start in range(0, len(value), 4):
        body.add_run(value[start : start + 4]).bold = bool(start % 8)
    body.add_run(" e fica.")
    hidden = document.add_paragraph().add_run(f"CPF {secret('hidden')}")
    hidden.font.hidden = True
    table = document.add_table(rows=2, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Nome", "CPF"
    table.cell(1, 0).text, table.cell(1, 1).text = "x", secret("cell")
    section = document.sections[0]
    section.header.paragraphs[0].text = f"CPF {secret('header')}"
    section.footer.paragraphs[0].text = f"CPF {secret('footer')}"
    document.add_comment(
        body.runs, text=f"CPF {secret('comment')}", author=secret("commenter"), initials="JP"
    )
    changed = document.add_paragraph("Depois: ")
    changed._p.append(
        parse_xml(
            f'<w:del {WORD} w:id="91" w:author="{secret("deleter")}" w:date="2024-01-01T00:00:00Z">'
            f"<w:r><w:delText>CPF {secret('deleted')}</w:delText></w:r></w:del>"
        )
    )
    changed._p.append(
        parse_xml(
            f'<w:ins {WORD} w:id="92" w:author="{secret("inserter")}"><w:r><w:t>novo CPF {secret("inserted")}</w:t></w:r></w:ins>'
        )
    )
    field = document.add_paragraph("Campo: ")
    field._p.append(
        parse_xml(
            f"<w:fldSimple {WORD} w:instr='HYPERLINK \"mailto:{secret('field', mail=True)}\"'><w:r><w:t>aqui</w:t></w:r></w:fldSimple>"
        )
    )
    link = document.part.relate_to(
        f"mailto:{secret('link', mail=True)}", f"{RELATIONS}/hyperlink", is_external=True
    )
    field._p.append(
        parse_xml(
            f'<w:hyperlink {WORD} {nsdecls("r")} r:id="{link}"><w:r><w:t>link</w:t></w:r></w:hyperlink>'
        )
    )
    document.add_picture(io.BytesIO(png()))
    out = io.BytesIO()
    document.save(out)
    box = (
        '<w:p><w:r><w:object w:dxaOrig="1" w:dyaOrig="1"><o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" '
        'Type="Embed" ProgID="Excel.Sheet.12" r:id="rIdEmbedded"/></w:object></w:r></w:p>'
        '<w:sdt><w:sdtPr><w:alias w:val="CPF '
        + secret("alias")
        + '"/></w:sdtPr><w:sdtContent><w:p/></w:sdtContent></w:sdt>'
    )
    return change_zip(
        out.getvalue(),
        {
            "word/document.xml": lambda xml: xml.replace(
                "<w:sectPr", f'{box}<w:p><w:r><w:footnoteReference w:id="2"/></w:r></w:p><w:sectPr', 1
            ),
            "word/_rels/document.xml.rels": lambda xml: xml.replace(
                "</Relationships>",
                f'<Relationship Id="rIdNotes" Type="{RELATIONS}/footnotes" Target="footnotes.xml"/>'
                f'<Relationship Id="rIdEmbedded" Type="{RELATIONS}/package" Target="embeddings/inner.xlsx"/>'
                f'<Relationship Id="rIdData" Type="{RELATIONS}/customXml" Target="../customXml/item1.xml"/>'
                f'<Relationship Id="rIdTemplate" Type="{RELATIONS}/attachedTemplate" TargetMode="External" Target="file:///C:/Users/{secret("template")}/a.dotx"/>'
                "</Relationships>",
            ),
            "word/settings.xml": lambda xml: xml.replace(
                "</w:settings>",
                f'<w:docVars><w:docVar w:name="x" w:val="CPF {secret("variable")}"/></w:docVars></w:settings>',
            ),
            "word/footnotes.xml": f'<?xml version="1.0" encoding="UTF-8"?><w:footnotes {WORD}><w:footnote w:id="2"><w:p><w:r><w:t>CPF {secret("footnote")}</w:t></w:r></w:p></w:footnote></w:footnotes>',
            "word/embeddings/inner.xlsx": inner,
            "customXml/item1.xml": f"<a><cpf>CPF {secret('data')}</cpf></a>",
            "docProps/custom.xml": f'<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"><property name="dono"><lpwstr>CPF {secret("custom")}</lpwstr></property></Properties>',
            "docProps/thumbnail.jpeg": b"\xff\xd8 a small picture of the first page \xff\xd9",
            "_rels/.rels": lambda xml: xml.replace(
                "</Relationships>",
                f'<Relationship Id="rIdT" Type="{PACKAGE}/metadata/thumbnail" Target="docProps/thumbnail.jpeg"/>'
                f'<Relationship Id="rIdC" Type="{RELATIONS}/custom-properties" Target="docProps/custom.xml"/></Relationships>',
            ),
            "[Content_Types].xml": lambda xml: xml.replace(
                "</Types>",
                '<Default Extension="xlsx" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"/>'
                '<Override PartName="/word/footnotes.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"/>'
                '<Override PartName="/docProps/custom.xml" ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/></Types>',
            ).replace('Extension="jpeg"', 'Extension="jpeg"'),
        },
    )


def everything(data):
    """Every byte of an archive's entries, names too, unpacked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()} | {
            "names": "\n".join(archive.namelist()).encode()
        }


SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def shared(data, leftover):
    """A workbook whose cells refer to shared strings, with one string left over that no cell refers to."""
    import re

    strings = []

    def refer(xml):
        def one(match):
            text = match[3]
            if text not in strings:
                strings.append(text)
            return f'<c{match[1]}t="s"{match[2]}><v>{strings.index(text)}</v></c>'

        return re.sub(r'<c([^>]*?)t="inlineStr"([^>]*)><is><t[^>]*>([^<]*)</t></is></c>', one, xml)

    names = [name for name in everything(data) if name.startswith("xl/worksheets/sheet")]
    changed = change_zip(data, dict.fromkeys(names, refer))
    strings.append(leftover)
    items = "".join(
        f'<si><r><t>{text[:3]}</t></r><r><rPr><b/></rPr><t xml:space="preserve">{text[3:]}</t></r></si>'
        if len(text) > 9
        else f"<si><t>{text}</t></si>"
        for text in strings
    )
    return change_zip(
        changed,
        {
            "xl/sharedStrings.xml": f'<sst xmlns="{SHEET}" count="9" uniqueCount="{len(strings)}">{items}</sst>',
            "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(
                "</Relationships>",
                f'<Relationship Id="rIdS" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
            ),
            "[Content_Types].xml": lambda xml: xml.replace(
                "</Types>",
                '<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
            ),
        },
    )


def workbook(secret):
    """An XLSX with `secret(place)` in each place that people put things in."""
    import datetime as dt

    import openpyxl
    from openpyxl.comments import Comment
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Fichas"
    sheet.append(["nome", "CPF", "nascimento", "soma", "outro"])
    sheet.append(["x", secret("cell"), dt.date(1980, 5, 12), "=1+1", "a"])
    number = int(secret("number", plain=True))
    sheet.append(["y", number, dt.date(1990, 1, 2), f'="CPF "&"{secret("formula")}"', "b"])
    sheet.append(["z", secret("twice"), None, 3.5, f"CPF {secret('sentence')}"])
    sheet["B2"].comment = Comment(f"CPF {secret('note')}", secret("annotator"))
    sheet["E2"].hyperlink = f"mailto:{secret('link', mail=True)}"
    sheet["A4"].font = openpyxl.styles.Font(bold=True)
    sheet.oddHeader.center.text = f"CPF {secret('header')}"
    choice = DataValidation(
        type="list", formula1=f'"{secret("choice", mail=True)},b"', prompt=f"CPF {secret('prompt')}"
    )
    sheet.add_data_validation(choice)
    choice.add("A9")
    hidden = book.create_sheet("Oculta")
    hidden.sheet_state = "hidden"
    hidden.append(["CPF"])
    hidden.append([secret("hidden")])
    very = book.create_sheet("Muito")
    very.sheet_state = "veryHidden"
    very["C7"] = f"CPF {secret('very')}"
    book.properties.creator = secret("creator")
    book.properties.title = f"CPF {secret('title')}"
    out = io.BytesIO()
    book.save(out)
    pivot = (
        f'<pivotCacheDefinition xmlns="{SHEET}"><cacheFields count="1"><cacheField name="CPF"><sharedItems>'
        f'<s v="CPF {secret("pivot")}"/></sharedItems></cacheField></cacheFields></pivotCacheDefinition>'
    )
    return change_zip(
        out.getvalue(),
        {
            "xl/pivotCache/pivotCacheDefinition1.xml": pivot,
            "xl/externalLinks/externalLink1.xml": f'<externalLink xmlns="{SHEET}"><externalBook><sheetDataSet><sheetData><row r="1"><cell r="A1" t="str"><v>CPF {secret("cached")}</v></cell></row></sheetData></sheetDataSet></externalBook></externalLink>',
            "xl/revisions/revisionLog1.xml": f'<revisions xmlns="{SHEET}"><rcc><oc r="B2"><v>CPF {secret("before")}</v></oc></rcc></revisions>',
            "xl/calcChain.xml": f'<calcChain xmlns="{SHEET}"><c r="D3" i="1"/></calcChain>',
            "customXml/item1.xml": f"<a>CPF {secret('data')}</a>",
            "docProps/thumbnail.png": png(),
            "xl/workbook.xml": lambda xml: xml.replace(
                "</workbook>",
                f'<definedNames><definedName name="x">"CPF {secret("constant")}"</definedName></definedNames></workbook>',
            ),
        },
    )
