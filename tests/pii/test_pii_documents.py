"""Documents: every format gives all its text, with places that a person can find."""

import codecs
import io

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from guarita.pii import Detector, Source, inspect
from guarita.pii.documents import EXTRACTORS, Place, blocks, extractor, kind_of
from guarita.pii.documents.text import MARGIN, WINDOW

DETECTOR = Detector(names=False)
CPF = "529.982.247-25"
OTHER = "111.444.777-35"


def look(name, data):
    return [(item.detection.entity, item.place) for item in inspect(Source(name, data=data), DETECTOR)]


def values(name, data):
    """The values that stand in the spans of a document, in order."""
    answer = []
    for block in blocks(Source(name, data=data)):
        answer += (
            block.text[d.start : d.end]
            for d in DETECTOR.detect(block.text)
            if block.place(d.start) is not None
        )
    return answer


def test_every_kind_has_its_extractor():
    assert {kind: extractor(kind).kind for kind in EXTRACTORS} == {kind: kind for kind in EXTRACTORS}


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.rst", "a"])
def test_text_is_placed_by_line_and_column(name):
    text = f"# Título\n\nO CPF é {CPF}.\r\n- e-mail: ana@uol.com.br\n"
    assert look(name, text.encode()) == [
        ("PII_CPF", Place(line=3, column=9)),
        ("PII_EMAIL", Place(line=4, column=11)),
    ]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.encode("cp1252"),
        lambda text: text[:20].encode("utf-8") + text[20:].encode("cp1252"),
    ],
)
def test_encodings_and_their_mixtures(encode):
    text = f"Situação: cidadã não identificada — título de eleitor não consta, inscrição CPF nº {CPF}, situação ótima"
    assert values("a.txt", encode(text)) == [CPF]


@pytest.mark.parametrize("shift", [-1, 0, 1, 7, -MARGIN, -(MARGIN // 2)])
def test_a_window_border_loses_and_doubles_nothing(shift):
    line = "uma linha de texto sem nada\n"
    before = (line * (WINDOW // len(line) + 1))[: WINDOW + shift - 8]
    text = f"{before} {CPF} depois\n" + line * 3000 + f"fim {OTHER}"
    assert values("a.txt", text.encode()) == [CPF, OTHER]
    places = [place for _, place in look("a.txt", text.encode())]
    for place, value in zip(places, (CPF, OTHER), strict=True):
        assert text.split("\n")[place.line - 1][place.column - 1 :].startswith(value)


def test_html_gives_what_is_shown_and_what_is_not():
    page = f"""<!doctype html>
<html><head><title>Ficha</title><meta name="author" content="ana@uol.com.br"></head>
<body><!-- CPF {CPF} -->
<p>CPF: <b>111.444</b>.777-35</p>
<a href="mailto:bia%40uol.com.br">Bia</a>
<div hidden style="display:none">caio@uol.com.br</div>
<img alt="cartão 4539 1488 0343 6467" src="x.png">
<table><tr><td>CPF</td>
  <td>52998224725</td></tr></table>
<script>var user = {{"email": "davi@uol.com.br"}}</script>
<textarea>eva&#64;uol.com.br</textarea>
</body></html>"""
    found = look("a.html", page.encode())
    assert {(entity, place.line) for entity, place in found} == {
        ("PII_EMAIL", 2),
        ("PII_CPF", 3),
        ("PII_CPF", 4),
        ("PII_EMAIL", 5),
        ("PII_EMAIL", 6),
        ("PII_CREDIT_CARD", 7),
        ("PII_CPF", 9),
        ("PII_EMAIL", 10),
        ("PII_EMAIL", 11),
    }
    # Across elements the value is whole, and beside a cell stands its label.
    assert {"111.444.777-35", "52998224725", "bia@uol.com.br", "eva@uol.com.br"} <= set(
        values("a.html", page.encode())
    )


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "|")]
)
def test_tables_are_placed_by_row_and_column_under_their_header(name, delimiter):
    rows = [["id", "CPF do titular", "nota"], ["1", "52998224725", '"a\nb"'], ["2", "11144477700", "x"]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    assert look(name, data) == [
        ("PII_CPF", Place(line=2, label="row 2, column B")),
        ("PII_CPF", Place(line=4, label="row 3, column B")),
    ]


def test_a_table_without_headers_is_read_all_the_same():
    assert values("a.csv", f"Ana,{CPF}\nBia,{OTHER}\n".encode()) == [CPF, OTHER]


def test_json_lines_are_labelled_by_their_keys():
    lines = [
        '{"cliente": {"cpf": "52998224725", "tags": ["x", "ana\\u0040uol.com.br"]}}',
        "",
        '{"cpf": 11144477735, "529.982.247-25": 1}',
    ]
    assert look("a.jsonl", "\n".join(lines).encode()) == [
        ("PII_CPF", Place(line=1)),
        ("PII_EMAIL", Place(line=1)),
        ("PII_CPF", Place(line=3)),
        ("PII_CPF", Place(line=3)),
    ]
    assert values("a.json", b'{"a": {"cpf": "52998224725"}}') == ["52998224725"]


def test_pdf_is_placed_by_page(make):
    data = make.pdf(["nada aqui", f"CPF {CPF}"], annotation="escreva para ana@uol.com.br")
    assert look("a.pdf", data) == [("PII_EMAIL", Place(label="page 1")), ("PII_CPF", Place(label="page 2"))]
    # What it is called does not matter.
    assert kind_of(Source("a.txt", data=data)) == "pdf"


def word(build):
    document = docx.Document()
    build(document)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def test_docx_is_read_in_every_part():
    def build(document):
        document.add_paragraph("Ficha")
        paragraph = document.add_paragraph("CPF ")
        for run in ("529.", "982.247", "-25"):
            paragraph.add_run(run)
        table = document.add_table(2, 2)
        table.cell(0, 1).text = "CPF"
        table.cell(1, 1).text = "11144477735"
        document.sections[0].header.paragraphs[0].text = "cabecalho@uol.com.br"
        document.sections[0].footer.paragraphs[0].text = "rodape@uol.com.br"
        document.add_comment(paragraph.runs, text="comentario@uol.com.br", author="A")
        document.core_properties.subject = "propriedade@uol.com.br"
        paragraph._p.append(
            parse_xml(
                f"<w:del {nsdecls('w')} w:id='9'><w:r><w:delText>apagado@uol.com.br</w:delText></w:r></w:del>"
            )
        )
        document.part.relate_to("mailto:ligacao@uol.com.br", "http://x/hyperlink", is_external=True)
        table.cell(0, 0).add_table(1, 1).cell(0, 0).text = "dentro@uol.com.br"

    data = word(build)
    found = set(values("a.docx", data))
    names = ["cabecalho", "rodape", "comentario", "propriedade", "apagado", "ligacao", "dentro"]
    assert found == {CPF, "11144477735"} | {f"{name}@uol.com.br" for name in names}
    places = {place.label for _, place in look("a.docx", data)}
    assert {"body, paragraph 2", "body, table 1, row 2, column B", "comments, paragraph 1"} <= places


def test_xlsx_is_read_in_every_sheet(make):
    notes = (
        '<comments xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><commentList><comment ref="A1">'
        "<text><r><t>nota@</t></r><r><t>uol.com.br</t></r></text></comment></commentList></comments>"
    )
    data = make.xlsx(
        {
            "Um": [["nome", "CPF"], ["a", "529.982.247-25"], ["b", 11144477735]],
            "Dois": [["x", "ana@uol.com.br"]],
        },
        hidden={"Dois"},
        extra={"xl/comments1.xml": notes}.items(),
    )
    assert look("a.xlsx", data) == [
        ("PII_CPF", Place(label="sheet 1, row 2, column B")),
        ("PII_CPF", Place(label="sheet 1, row 3, column B")),
        ("PII_EMAIL", Place(label="sheet 2, row 1, column B")),
        ("PII_EMAIL", Place(label="notes, paragraph 1")),
    ]


def test_ods_is_read_with_notes_and_repeated_cells(make):
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>".format
    body = (
        '<table:table table:name="T"><table:table-row>' + cell("nome") + cell("CPF") + "</table:table-row>"
        '<table:table-row table:number-rows-repeated="9"/>'
        '<table:table-row><table:table-cell table:number-columns-repeated="1"/>'
        + cell("52998224725")
        + "</table:table-row>"
        "<table:table-row><table:table-cell><office:annotation><text:p>ana@uol.com.br</text:p></office:annotation>"
        "<text:p>x</text:p></table:table-cell></table:table-row></table:table>"
    )
    assert look("a.ods", make.ods(body)) == [
        ("PII_CPF", Place(label="sheet 1, row 11, column B")),
        ("PII_EMAIL", Place(label="sheet 1, row 12, column A")),
    ]


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.docx", b"plain text", "text"),
        ("a.pdf", b"<!DOCTYPE html><html></html>", "html"),
        ("a.md", b"<html><body>", "html"),
        ("a.csv", b"a,b", "csv"),
        ("a.ipynb", b"{}", "json"),
        ("a", b"x", "text"),
    ],
)
def test_content_decides_over_the_ending(name, head, kind):
    assert kind_of(Source(name, data=head)) == kind


def test_an_anchor_survives_edits_and_tells_lines_apart():
    def anchors(text):
        return [item.anchor for item in inspect(Source("a.md", data=text.encode()), DETECTOR)]

    first = anchors(f"x\nO titular, CPF {CPF}, pediu 30 dias\n")
    assert first == anchors(f"\n\ny\n  O titular,   CPF {OTHER}, pediu 45 dias\n")
    assert first != anchors(f"O fiador, CPF {CPF}, pediu 30 dias")
    assert all(len(anchor) == 16 for anchor in first)
