"""Hostile documents at redaction: refused with a reason or redacted, within bounds; never an error of another kind."""

import io
import random
import zipfile

import pdffiles
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from officefiles import Secrets, change_zip, word, workbook
from redacting import found, redacted

from guarita.audit import Secret
from guarita.config.pii import PiiSection
from guarita.config.pii_handling import ReadingSection
from guarita.errors import GuaritaError
from guarita.pii import Decision, DocumentError, IngestGate, Limits, Source
from guarita.pii.keys import Keyring

CPF = "529.982.247-25"
SECRETS = Secrets(11)
SOUND = {
    "a.docx": word(SECRETS),
    "a.xlsx": workbook(SECRETS),
    "a.pdf": pdffiles.rich(SECRETS),
    "b.pdf": pdffiles.form_field(SECRETS),
}


def attempt(name, data, limits=None):
    """Redact; what comes out is clean, and what does not is refused."""
    options = {} if limits is None else {"limits": limits}
    try:
        clean, _ = redacted(name, data, **options)
    except DocumentError:
        return None
    try:
        left = found(name, clean)
    except DocumentError:
        return None
    assert left == [] or name.endswith("pdf")
    return clean


@given(st.sampled_from(sorted(SOUND)), st.integers(0, 2**32), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
@example("b.pdf", 424786, 1)  # an operator whose name is no UTF-8
def test_damaged_files_are_redacted_or_refused(name, seed, flips):
    noise = random.Random(seed)
    data = bytearray(SOUND[name])
    for _ in range(flips):
        data[noise.randrange(len(data))] = noise.randrange(256)
    attempt(name, bytes(data))
    attempt(name, bytes(data[: noise.randrange(len(data))]))


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_damaged_parts_within_a_sound_archive_are_redacted_or_refused(seed):
    noise = random.Random(seed)
    name = noise.choice(["a.docx", "a.xlsx"])
    with zipfile.ZipFile(io.BytesIO(SOUND[name])) as archive:
        part = noise.choice([entry for entry in archive.namelist() if entry.endswith((".xml", ".rels"))])
        data = bytearray(archive.read(part))
    for _ in range(noise.randrange(1, 6)):
        data[noise.randrange(len(data))] = noise.randrange(32, 127)
    attempt(name, change_zip(SOUND[name], {part: bytes(data)}))


def test_bombs_and_depths_are_refused():
    small = Limits(expanded_bytes=1 << 20, depth=50, pages=5, nested=1)
    bomb = change_zip(SOUND["a.docx"], {"word/media/x.png": b"\0" * (4 << 20)})
    deep = change_zip(SOUND["a.docx"], {"word/header1.xml": "<a>" * 200 + "</a>" * 200})
    twice = word(Secrets(1), inner=word(Secrets(2), inner=workbook(Secrets(3))))
    for name, data in (
        ("a.docx", bomb),
        ("a.docx", deep),
        ("a.docx", twice),
        ("a.json", b"[" * 5000 + b"]" * 5000),
    ):
        with pytest.raises(DocumentError) as caught:
            found_within(name, data, small)
        assert caught.value.code in {"document.bomb", "document.too-deep"}


def found_within(name, data, limits):
    from guarita.pii.documents import blocks

    return list(blocks(Source(name, data=data), limits))


def test_a_form_that_draws_itself_ends():
    import pikepdf
    from pikepdf import Array, Dictionary, Name

    pdf = pikepdf.new()
    form = pdf.make_stream(
        b"/Fm Do " + pdffiles.line(f"CPF {CPF}").encode(),
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, 595, 842]),
    )
    form["/Resources"] = Dictionary(XObject=Dictionary(Fm=form), Font=Dictionary(F1=pdffiles.font(pdf)))
    pdffiles.page(pdf, "/Fm Do", XObject=Dictionary(Fm=form))
    data = pdffiles.saved(pdf)
    clean = attempt("a.pdf", data)
    assert clean is None or CPF.encode() not in clean


@pytest.mark.parametrize(
    "text",
    [
        "1" * 300_000,
        "529.982.247-" * 30_000,
        "a@" * 100_000,
        "(11) " * 60_000,
        " .-" * 100_000,
        "CPF: " * 60_000 + CPF,
        "A" * 200_000 + "@" + "b" * 100_000,
    ],
)
def test_text_made_to_make_patterns_explode_ends(text):
    clean, _ = redacted("a.txt", text.encode())
    assert CPF.encode() not in clean


def test_a_document_that_takes_too_long_or_too_much_is_answered(tmp_path):
    section = PiiSection(
        names="off", reading=ReadingSection(workers=1, seconds=1, kib_per_second=1_000_000, memory_mib=512)
    )
    long = tmp_path / "long.csv"
    long.write_text("cpf;a;b;c\n" + f"{CPF};um;dois;tres\n" * 400_000)
    large = tmp_path / "large.json"
    large.write_text('{"a": [' + '{"b": "texto"},' * 4_000_000 + "1]}")
    with IngestGate(section, Keyring(Secret("k" * 64))) as gate:
        outcome = gate.check(long)
        assert (outcome.decision, outcome.reasons[0].code) == (Decision.BLOCK, "document.too-slow")
        outcome = gate.check(large)
        assert outcome.decision is Decision.BLOCK
        assert outcome.reasons[0].code in {"document.too-large", "document.too-slow"}
        assert gate.check(Source("a.md", data=b"nada")).decision is Decision.ALLOW


def test_no_other_error_comes_out_of_a_gate(tmp_path):
    section = PiiSection(names="off", reading=ReadingSection(workers=1))
    noise = random.Random(5)
    with IngestGate(section, Keyring(Secret("k" * 64))) as gate:
        for name, sound in SOUND.items():
            data = bytearray(sound)
            for _ in range(20):
                data[noise.randrange(len(data))] = noise.randrange(256)
            try:
                gate.check(Source(name, data=bytes(data)), redact=True)
            except GuaritaError as error:
                pytest.fail(error.code)
