"""Redaction of PDF: gone from every stream and object, by two readers; what cannot be done for certain is a picture."""

import io

import pdffiles
import pikepdf
import pypdfium2
import pytest
from chromium import browser
from officefiles import Secrets
from pdffiles import everything, line, page, pdftotext, saved
from redacting import found, redacted

from guarita.pii import DocumentError, Source
from guarita.pii.documents import blocks
from guarita.pii.redaction.interface import Choices

CPF = "529.982.247-25"


def left(secret, data):
    entries = everything(data)
    entries["poppler"] = pdftotext(data).encode()
    return secret.left(entries)


@pytest.mark.parametrize("make", [pdffiles.rich, pdffiles.form_field, pdffiles.scanned, pdffiles.revised])
def test_everything_is_found_and_nothing_is_left(make):
    secret = Secrets(3)
    data = make(secret)
    assert set(secret.made.values()) <= {value for _, value in found("a.pdf", data)}
    clean, _ = redacted("a.pdf", data)
    assert left(secret, clean) == {}
    assert found("a.pdf", clean) == []
    assert clean.count(b"%%EOF") == 1


def test_what_stood_beside_the_data_stays_where_it_was():
    secret = Secrets(4)
    data = pdffiles.rich(secret)
    clean, _ = redacted("a.pdf", data)
    text = pdftotext(clean)
    for kept in (
        "no cabecalho",
        "Antes CPF",
        "depois",
        "outra linha",
        "(entre parenteses)",
        "segunda pagina",
    ):
        assert kept in text
    # Two pages draw the form; what a reader is told instead of what is shown counts as shown.
    assert text.count("[CPF]") == 7
    before, after = (pypdfium2.PdfDocument(one)[0].get_textpage() for one in (data, clean))
    for word in ("depois", "cabecalho", "parenteses"):
        places = [page.search(word).get_next() for page in (before, after)]
        boxes = [page.get_charbox(index) for page, (index, _) in zip((before, after), places, strict=True)]
        assert boxes[0] == pytest.approx(boxes[1], abs=1.5)


def test_links_and_bookmarks_stay_and_what_acts_or_hides_goes():
    clean, _ = redacted("a.pdf", pdffiles.rich(Secrets(5)))
    with pikepdf.open(io.BytesIO(clean)) as pdf:
        assert [str(one.A.URI) for one in pdf.pages[0].Annots] == [
            "mailto:[EMAIL]",
            "https://example.org/pagina",
        ]
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root] == ["CPF [CPF]"]
        assert not {"/OpenAction", "/AcroForm", "/Metadata"} & set(pdf.Root.keys())
        assert "/EmbeddedFiles" not in pdf.Root.get("/Names", {})
        assert "/Info" not in pdf.trailer


def test_a_filled_form_keeps_what_it_shows():
    clean, _ = redacted("a.pdf", pdffiles.form_field(Secrets(6)))
    assert "Formulario" in pdftotext(clean)
    assert "[CPF]" in pdftotext(clean)
    with pikepdf.open(io.BytesIO(clean)) as pdf:
        assert "/Annots" not in pdf.pages[0]


def test_a_datum_in_a_picture_is_painted_over_or_the_document_refused():
    secret = Secrets(7)
    data = pdffiles.scanned(secret)
    clean, _ = redacted("a.pdf", data)
    shown = pypdfium2.PdfDocument(clean)[0]
    pixels = shown.render(scale=1).to_numpy()
    # The text stood at 50, 700 of 842; beside it is the picture's grey.
    start = pypdfium2.PdfDocument(data)[0].get_textpage().search("CPF").get_next()[0] + 4
    left_edge, bottom, right, top = pypdfium2.PdfDocument(data)[0].get_textpage().get_charbox(start)
    x, y = round((left_edge + right) / 2), round(842 - (bottom + top) / 2)
    assert pixels[y, x].max() < 60
    assert pixels[842 - 600, 300].min() > 150
    assert "Ficha com CPF [CPF]" in pdftotext(clean)
    with pytest.raises(DocumentError) as caught:
        redacted("a.pdf", data, choices=Choices(pages="refuse"))
    assert caught.value.code == "document.not-redactable"


def test_attachments_may_be_refused_and_are_read():
    data = pdffiles.rich(Secrets(8))
    labels = {span.place.label for block in blocks(Source("a.pdf", data=data)) for span in block.spans}
    assert any(label.startswith("attached file 1, row 2") for label in labels)
    with pytest.raises(DocumentError):
        redacted("a.pdf", data, choices=Choices(embedded="refuse"))


def test_a_document_without_data_keeps_its_pages():
    pdf = pikepdf.new()
    page(pdf, line("nada") + "0 1 0 rg 10 10 50 50 re f\n")
    data = saved(pdf)
    clean, count = redacted("a.pdf", data)
    assert count == 0
    before, after = (pypdfium2.PdfDocument(one)[0].render(scale=0.5).to_numpy() for one in (data, clean))
    assert (before == after).all()


def test_a_page_of_a_browser_with_fonts_of_two_bytes():
    text = f"<h1>Ficha</h1><p>O CPF de José é <b>529.982</b>.247-25, e fica ação.</p><table><tr><td>CPF</td><td>{CPF}</td></tr></table>"
    with browser() as running:
        opened = running.new_page()
        opened.set_content(
            f"<html lang=pt><body style='font-family: DejaVu Sans'>{text}<a href='https://example.org'>link</a></body>"
        )
        data = opened.pdf(tagged=True, outline=True)
    assert [value for _, value in found("a.pdf", data)] == [CPF, CPF]
    clean, _ = redacted("a.pdf", data)
    assert found("a.pdf", clean) == []
    shown = pdftotext(clean)
    assert "247-25" not in shown
    assert "ação" in shown
    assert "Ficha" in shown
    # It was done in the text: no page had to become a picture.
    with pikepdf.open(io.BytesIO(clean)) as pdf:
        assert not list(pdf.pages[0].get_images())
