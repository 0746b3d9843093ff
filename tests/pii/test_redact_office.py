"""Redaction of DOCX and XLSX: gone from every byte of the package, and the file opens as before."""

import io
import re
import zipfile

import docx
import openpyxl
import pytest
import python_calamine
from officefiles import Secrets, change_zip, everything, png, shared, word, workbook
from redacting import found, redacted

from guarita.config.pii_handling import HandlingSection
from guarita.pii import DocumentError, Source
from guarita.pii.documents import blocks
from guarita.pii.redaction.interface import Choices
from guarita.pii.redaction.pictures import bare

CPF = "529.982.247-25"


def left(secret, data):
    return secret.left(everything(data))


def test_nothing_is_left_of_what_stood_in_a_word_document():
    secret = Secrets(1)
    data = word(secret, inner=workbook(secret))
    values = {value for _, value in found("a.docx", data)}
    assert set(secret.made.values()) <= values
    clean, _ = redacted("a.docx", data)
    assert left(secret, clean) == {}
    assert found("a.docx", clean) == []
    assert not any(block.unread == "object" for block in blocks(Source("a.docx", data=clean)))


def test_the_word_document_opens_and_reads_as_before():
    secret = Secrets(2)
    clean, _ = redacted("a.docx", word(secret))
    document = docx.Document(io.BytesIO(clean))
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts[:6] == [
        "Ficha", "O CPF é [CPF] e fica.", "CPF [CPF]", "Depois: novo CPF [CPF]", "Campo: link", "",
    ]  # fmt: skip
    assert document.paragraphs[0].style.name == "Heading 1"
    assert [cell.text for cell in document.tables[0].rows[1].cells] == ["x", "[CPF]"]
    assert document.sections[0].header.paragraphs[0].text == "CPF [CPF]"
    properties = document.core_properties
    assert (properties.author, properties.last_modified_by, properties.title) == ("", "", "CPF [CPF]")
    (comment,) = document.comments
    assert (comment.text, comment.author) == ("CPF [CPF]", "Author")
    assert [run.bold for run in document.paragraphs[1].runs][1:3] == [False, True]
    assert len(document.inline_shapes) == 1
    assert any(rel.is_external and rel.target_ref == "mailto:[EMAIL]" for rel in document.part.rels.values())


def test_what_holds_nothing_stays_byte_for_byte_but_for_who_and_when():
    document = docx.Document()
    document.add_paragraph("Nada & nada <aqui>")
    out = io.BytesIO()
    document.save(out)
    clean, count = redacted("a.docx", out.getvalue())
    before, after = everything(out.getvalue()), everything(clean)
    assert count == 0
    assert after["word/document.xml"] == before["word/document.xml"]
    assert after["word/styles.xml"] == before["word/styles.xml"]
    with zipfile.ZipFile(io.BytesIO(clean)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_deleted_row_and_moved_text_are_as_if_accepted():
    secret = Secrets(3)
    row = (
        '<w:tbl><w:tblGrid><w:gridCol/></w:tblGrid><w:tr><w:trPr><w:del w:id="1" w:author="x"/></w:trPr><w:tc><w:p><w:r><w:t>apagada</w:t></w:r></w:p></w:tc></w:tr>'
        "<w:tr><w:tc><w:p><w:r><w:t>fica</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        '<w:p><w:moveFrom w:id="2" w:author="x"><w:r><w:t>daqui</w:t></w:r></w:moveFrom></w:p>'
        '<w:p><w:moveTo w:id="3" w:author="x"><w:r><w:rPr><w:b/><w:rPrChange w:id="4" w:author="x"><w:rPr><w:i/></w:rPr></w:rPrChange></w:rPr><w:t>para aqui</w:t></w:r></w:moveTo></w:p>'
    )
    data = change_zip(
        word(secret), {"word/document.xml": lambda xml: xml.replace("<w:sectPr", f"{row}<w:sectPr", 1)}
    )
    clean, _ = redacted("a.docx", data)
    xml = everything(clean)["word/document.xml"].decode()
    assert "apagada" not in xml
    assert "daqui" not in xml
    assert "para aqui" in xml
    assert re.search(r"<w:(?:moveTo|moveFrom|ins|del)\b|PrChange", xml) is None
    assert docx.Document(io.BytesIO(clean)).tables[1].cell(0, 0).text == "fica"


def test_a_part_in_another_encoding_is_redacted_too():
    secret = Secrets(4)
    data = word(secret)
    for codec in ("utf-16", "iso-8859-1"):
        other = change_zip(
            data,
            {
                "word/header1.xml": lambda xml, codec=codec: (
                    f'<?xml version="1.0" encoding="{codec.upper()}"?>' + xml.partition("?>")[2]
                ).encode(codec, "xmlcharrefreplace")
            },
        )
        clean, _ = redacted("a.docx", other)
        assert left(secret, clean) == {}
        assert docx.Document(io.BytesIO(clean)).sections[0].header.paragraphs[0].text == "CPF [CPF]"


def test_embedded_objects_are_told_of_and_removed_or_refused():
    data = change_zip(word(Secrets(5)), {"word/embeddings/oleObject1.bin": b"\xd0\xcf\x11\xe0 something"})
    assert any(block.unread == "object" for block in blocks(Source("a.docx", data=data)))
    with pytest.raises(DocumentError) as caught:
        redacted("a.docx", data, choices=Choices(embedded="refuse"))
    assert caught.value.code == "document.not-redactable"
    clean, _ = redacted("a.docx", data)
    assert not [name for name in everything(clean) if "embeddings" in name]


@pytest.mark.parametrize("strings", [False, True])
def test_nothing_is_left_of_what_stood_in_a_workbook(strings):
    secret = Secrets(6)
    data = workbook(secret)
    if strings:
        data = shared(data, f"CPF {secret('leftover')}")
    values = {value for _, value in found("a.xlsx", data)}
    assert set(secret.made.values()) <= values
    clean, _ = redacted("a.xlsx", data)
    assert left(secret, clean) == {}
    assert found("a.xlsx", clean) == []


@pytest.mark.parametrize("strings", [False, True])
def test_the_workbook_opens_and_reads_as_before(strings):
    secret = Secrets(7)
    data = workbook(secret)
    clean, _ = redacted("a.xlsx", shared(data, "x") if strings else data)
    book = openpyxl.load_workbook(io.BytesIO(clean))
    assert [(sheet.title, sheet.sheet_state) for sheet in book] == [
        ("Fichas", "visible"), ("Oculta", "hidden"), ("Muito", "veryHidden"),
    ]  # fmt: skip
    rows = [[cell.value for cell in row] for row in book["Fichas"].iter_rows()]
    assert rows == [
        ["nome", "CPF", "nascimento", "soma", "outro"],
        ["x", "[CPF]", "[DATE_OF_BIRTH]", "=1+1", "a"],
        ["y", "[CPF]", "[DATE_OF_BIRTH]", '="CPF "&"[CPF]"', "b"],
        ["z", "[CPF]", None, 3.5, "CPF [CPF]"],
    ]
    assert book["Fichas"]["A4"].font.bold
    assert book["Fichas"]["E2"].hyperlink.target == "mailto:[EMAIL]"
    assert book["Fichas"]["B2"].comment.text == "CPF [CPF]"
    assert book["Muito"]["C7"].value == "CPF [CPF]"
    again = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(clean))
    assert again.get_sheet_by_name("Fichas").to_python()[1][1] == "[CPF]"


def test_a_number_without_its_zeros_is_found_by_its_column_and_redacted():
    rows = [
        ["CPF"],
        ["529.982.247-25"],
        ["111.444.777-35"],
        ["935.411.347-80"],
        ["153.509.460-56"],
        ["746.971.314-01"],
    ]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.active.append([1234567890 // 10])
    book.active.append([191])
    book.active.append([9876543210])
    out = io.BytesIO()
    book.save(out)
    data, count = redacted("a.xlsx", out.getvalue(), handling=HandlingSection(method="mask"))
    values = [row[0].value for row in openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows()]
    assert values == ["CPF", *["***.***.***-**"] * 5, "*" * 9, 191, "*" * 10]
    assert count == 7


def test_a_formula_whose_value_is_a_datum_goes_and_those_that_share_it_keep_their_values():
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>CPF</t></is></c></row>'
        f'<row r="2"><c r="A2" t="str"><f t="shared" ref="A2:A3" si="0">B2&amp;C2</f><v>{CPF}</v></c></row>'
        '<row r="3"><c r="A3" t="str"><f t="shared" si="0"/><v>nada</v></c></row></sheetData></worksheet>'
    )
    book = openpyxl.Workbook()
    out = io.BytesIO()
    book.save(out)
    clean, _ = redacted("a.xlsx", change_zip(out.getvalue(), {"xl/worksheets/sheet1.xml": sheet}))
    xml = everything(clean)["xl/worksheets/sheet1.xml"].decode()
    assert "<f" not in xml
    values = [row[0].value for row in openpyxl.load_workbook(io.BytesIO(clean)).active.iter_rows()]
    assert values == ["CPF", "[CPF]", "nada"]


def test_a_workbook_with_objects_is_not_redacted():
    data = change_zip(workbook(Secrets(8)), {"xl/embeddings/oleObject1.bin": b"\xd0\xcf\x11\xe0"})
    with pytest.raises(DocumentError) as caught:
        redacted("a.xlsx", data)
    assert caught.value.code == "document.not-redactable"


def test_pictures_lose_what_is_written_into_them():
    assert b"Joana" in png()
    clean = bare("a.png", png())
    assert b"Joana" not in clean
    assert clean.startswith(b"\x89PNG")
    assert clean.endswith(b"IEND\xaeB`\x82")
    jpeg = (
        b"\xff\xd8\xff\xe0\x00\x07JFIF\0\xff\xe1\x00\x0aExif\0GPS\xff\xfe\x00\x08Joana!"
        b"\xff\xda\x00\x04xx\x01\x02\x03\xff\xd9 behind"
    )
    assert bare("a.jpg", jpeg) == b"\xff\xd8\xff\xe0\x00\x07JFIF\0\xff\xda\x00\x04xx\x01\x02\x03\xff\xd9"
    emf = b"\0" * 40 + b" EMF" + "CPF 529.982.247-25".encode("utf-16-le")
    assert b"5\x002\x009" not in bare("a.emf", emf)
    assert bare("a.wmf", b"\xd7\xcd\xc6\x9aCPF 529").find(b"529") < 0
