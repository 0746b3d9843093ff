"""Redaction of text, HTML, CSV and JSON: the data go, every other byte stays."""

import codecs
import csv
import io
import json
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redacting import found, redacted

from guarita.config.pii_handling import HandlingRule, HandlingSection
from guarita.pii import Source
from guarita.pii.documents import DEFAULT_LIMITS
from guarita.pii.documents.decode import decoded
from guarita.pii.documents.text import MARGIN, WINDOW
from guarita.pii.redaction.encoded import Encoding, kept_pieces, readable
from guarita.pii.redaction.interface import Choices
from guarita.pii.redaction.redact import redact

CPF = "529.982.247-25"
MAIL = "helena.prado@correios.net.br"
FEW = settings(max_examples=60, deadline=None)


def masking(method="mask"):
    return HandlingSection(method=method)


def test_text_keeps_everything_beside_the_data():
    text = f"# Ficha\r\n\r\n- [e-mail](mailto:{MAIL})\r\n- CPF: **{CPF}**\n\tfim  \r"
    data, count = redacted("a.md", text.encode())
    assert data.decode() == text.replace(CPF, "[CPF]").replace(MAIL, "[EMAIL]")
    assert count == 2


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("replace", "[CPF]"),
        ("mask", "***.***.***-**"),
        ("hash", "[CPF~h:bcdf]"),
        ("pseudonym", "[CPF~p:bcdf]"),
    ],
)
def test_methods(method, shown):
    data, _ = redacted("a.txt", f"CPF: {CPF}.".encode(), handling=HandlingSection(method=method))
    assert data.decode() == f"CPF: {shown}."


def test_a_rule_chooses_what_goes_and_how():
    section = HandlingSection(
        rules=[
            HandlingRule(name="mails", entities=["PII_EMAIL"], decision="allow"),
            HandlingRule(name="numbers", classes=["identifier"], decision="redact", method="mask"),
        ]
    )
    data, _ = redacted("a.txt", f"{MAIL} CPF {CPF}".encode(), handling=section)
    assert data.decode() == f"{MAIL} CPF ***.***.***-**"


ENCODINGS = {
    "utf-8": b"",
    "utf-8 with mark": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "cp1252": b"",
}


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.html", "a.jsonl", "a.json"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_mark_and_encoding_stay(name, encoding):
    before, after = {
        "a.txt": ("ação: ", " “fim”\r\n"),
        "a.csv": ("nome;cpf;nota\r\nação;", ";“fim”\r\n"),
        "a.html": ("<!doctype html><p>ação ", " “fim”</p>\r\n"),
        "a.jsonl": ('{"ação": 1}\n{"cpf": "', '", "b": "“fim”"}\n'),
        "a.json": ('{"ação": 1, "cpf": "', '", "b": "“fim”"}'),
    }[name]
    codec = encoding.split()[0]
    data, _ = redacted(name, ENCODINGS[encoding] + f"{before}{CPF}{after}".encode(codec))
    assert data == ENCODINGS[encoding] + f"{before}[CPF]{after}".encode(codec)


def test_bytes_of_two_encodings_stay_what_they_were():
    data = "é ".encode() + b"\xe9\x81\xff " + CPF.encode() + b" \xe2\x82 caf\xe9 \xe2\x82\xac"
    assert redacted("a.txt", data)[0] == data.replace(CPF.encode(), b"[CPF]")


@given(st.binary(max_size=200))
@example(b"\xe2\x82")
@example(b"\xf0\x90\x80x\xed\xa0\x80")
@FEW
def test_what_is_kept_is_read_as_reading_reads_it(data):
    data = data.replace(b"\0", b"x")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = b"x" + data
    written = Encoding(data)
    text = "".join(kept_pieces(io.BytesIO(data), written))
    assert written.mark + written.encode(text) == data
    assert readable(text) == decoded(data)


SURROUND = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Nd"]), max_size=30)


@given(st.lists(SURROUND, min_size=2, max_size=5))
@FEW
def test_any_text_around_the_data_stays(parts):
    text = f" {CPF} ".join(parts)
    assert redacted("a.txt", text.encode())[0].decode() == text.replace(CPF, "[CPF]")


@pytest.mark.parametrize("shift", [-1, 0, 1, 7, 13, -MARGIN, -(MARGIN // 2)])
def test_a_datum_on_the_border_of_windows_is_replaced_once(shift):
    before = ("uma linha\n" * (WINDOW // 9))[: WINDOW + shift - 8]
    text = f"{before} {CPF} depois\n" + "x y z\n" * 30_000 + CPF
    assert redacted("a.txt", text.encode())[0].decode() == text.replace(CPF, "[CPF]")


class Unchanging:
    """An editor that finds nothing, at no cost."""

    def edits(self, block):
        return []

    def word(self, text, label=""):
        return text


@pytest.mark.parametrize(
    ("name", "line", "size"),
    [
        ("a.txt", "uma linha de texto\n", 2_000_000),
        ("a.csv", "um;dois;tres\n", 80_000),
        ("a.jsonl", '{"a": "um", "b": 2}\n', 80_000),
    ],
)
def test_memory_does_not_grow_with_the_document(tmp_path, name, line, size):
    peaks = []
    for whole in (size, 3 * size):
        path = tmp_path / name
        path.write_text(line * (whole // len(line)))
        tracemalloc.start()
        with open("/dev/null", "wb") as target:
            redact(Source(name, path), target, Unchanging(), DEFAULT_LIMITS, Choices())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3


PAGE = """<!DOCTYPE html>
<html><head><title>Ficha de {mail}</title><meta name=author content={mail}></head>
<body class="x"><!-- CPF {cpf} -->
<p>CPF: <b>529.982</b>.247-25 &amp; <i>nada</i> &copy; 2024</p>
<a href='mailto:helena.prado%40correios.net.br?subject=a%20b' title="a &lt; b">Escreva</a>
<img alt="CPF {cpf}" src="x.png"/><br>
<script>var user = {{"email": "{mail}"}}; if (1 < 2) {{}}</script>
<textarea>helena.prado&#64;correios.net.br</textarea><p title="CPF {cpf}">x</p title="CPF {cpf}">
<![CDATA[ CPF {cpf} ]]><?php echo "{mail}" ?></body></html>
"""


def test_html_keeps_its_tags_and_loses_the_data_wherever_they_stand():
    data, count = redacted("a.html", PAGE.format(cpf=CPF, mail=MAIL).encode())
    page = data.decode()
    assert found("a.html", data) == []
    assert count == 13
    for rest in (
        "<title>Ficha de [EMAIL]</title>", "<meta name=author content=", "<!-- CPF [CPF] -->", "<b>[CPF]</b>",
        "&amp; <i>nada</i> &copy; 2024</p>", ">Escreva</a>", '<img alt="CPF [CPF]" src="x.png"/><br>',
        '{"email": "[EMAIL]"}; if (1 < 2) {}', "<textarea>[EMAIL]</textarea>", 'title="a &lt; b"', '<?php echo "[EMAIL]" ?>',
    ):  # fmt: skip
        assert rest in page
    for rest in ("529", "247-25", "helena", "prado"):
        assert rest not in page


@given(
    st.text(alphabet="<>&;/!-=\"'abp #64x[]?\n", max_size=60),
    st.sampled_from(
        [
            "",
            "<p>",
            "<a href=",
            "<!--",
            "<script>",
            "<p ",
            "</p ",
            "<![CDATA[",
            "<?",
            "<!a",
            "<title>",
            "<plaintext>",
        ]
    ),
)
@settings(max_examples=200, deadline=None)
def test_a_broken_page_is_still_clean_afterwards(noise, before):
    data, _ = redacted("a.html", f"<html>{before}{noise} {CPF} {noise}<p>".encode())
    assert found("a.html", data) == []
    assert b"529.982.247-25" not in data


def table(delimiter, quoting, end):
    rows = [
        ["id", "CPF do titular", "nota"],
        ["1", CPF, 'diz "sim"'],
        ["2", "nada", f"a{delimiter} b"],
        ["", "", ""],
        ["3", "52998224725", f"duas\nlinhas e {MAIL}"],
    ]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_keeps_its_dialect(delimiter, quoting, end):
    text = table(delimiter, quoting, end)
    data, _ = redacted("a.csv", text.encode())
    expected = text.replace(CPF, "[CPF]").replace("52998224725", "[CPF]").replace(MAIL, "[EMAIL]")
    assert data.decode() == expected


def test_a_row_with_quotes_in_odd_places_is_still_clean():
    data, _ = redacted("a.csv", f'nome,cpf\n ab"c,"{CPF}" x\n"a"b,{CPF}\n'.encode())
    assert found("a.csv", data) == []
    assert list(csv.reader(io.StringIO(data.decode())))[1] == [' ab"c', "[CPF] x"]


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Nd"]), max_size=8)


@given(st.lists(st.lists(st.one_of(CELL, st.just(CPF)), min_size=3, max_size=3), min_size=1, max_size=6))
@FEW
def test_any_table_reads_the_same_but_for_the_data(rows):
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b", "c"], *rows])
    data, _ = redacted("a.csv", out.getvalue().encode())
    expected = [["a", "b", "c"], *([cell.replace(CPF, "[CPF]") for cell in row] for row in rows)]
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == expected


def test_json_keeps_form_and_spacing():
    text = (
        '{ "nome" : "x\\u00e9\\/",\n  "cpf": 52998224725,\t"n": 1.50e3, "ok": true, "nada": null,\n'
        f'  "lista": ["{CPF}", {{"e-mail": "{MAIL}"}}], "{MAIL}": 1, "{MAIL}": 2 }}'
    )
    data, _ = redacted("a.json", text.encode())
    assert data.decode() == (
        '{ "nome" : "x\\u00e9\\/",\n  "cpf": "[CPF]",\t"n": 1.50e3, "ok": true, "nada": null,\n'
        '  "lista": ["[CPF]", {"e-mail": "[EMAIL]"}], "[EMAIL]": 1, "[EMAIL] 2": 2 }'
    )


def test_of_a_key_that_stands_twice_both_are_looked_at():
    data, _ = redacted("a.json", f'{{"a": "{CPF}", "a": "x"}}'.encode())
    assert data == b'{"a": "[CPF]", "a": "x"}'


def test_json_lines_keep_their_ends_and_empty_lines():
    text = f'{{"cpf": "{CPF}"}}\r\n\r\n{{"b": "é {MAIL}"}}\n[1,2]'
    data, _ = redacted("a.jsonl", text.encode())
    assert data.decode() == text.replace(CPF, "[CPF]").replace(MAIL, "[EMAIL]")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.just(CPF), SURROUND, st.just(52998224725)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SURROUND, inner, max_size=3)),
    max_leaves=8,
)


def without(value):
    if isinstance(value, dict):
        return {key: without(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without(inner) for inner in value]
    return value.replace(CPF, "[CPF]") if isinstance(value, str) else value


@given(JSON, st.booleans())
@FEW
def test_any_json_reads_the_same_but_for_the_data(value, ascii_only):
    data, _ = redacted("a.json", json.dumps({"cpf": value}, ensure_ascii=ascii_only).encode())
    assert found("a.json", data) == []
    expected = without({"cpf": value})
    got = json.loads(data)
    assert json.dumps(got).replace('"[CPF]"', "52998224725") == json.dumps(expected).replace(
        '"[CPF]"', "52998224725"
    )
