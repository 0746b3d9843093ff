"""Properties: any valid number in any punctuation is found anywhere, a wrong digit is never called valid."""

import itertools
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.pii import Detector, Evidence
from guarita.pii.checkdigits import cnpj_check, cpf_check, numbers
from guarita.pii.engine import CHUNK
from guarita.pii.fold import plain, unaccented
from guarita.pii.prefilter import prefilter
from guarita.pii.recognizers import DEFAULT, OPTIONAL
from guarita.pii.recognizers.cnpj import valid_cnpj
from guarita.pii.recognizers.cpf import valid_cpf
from guarita.pii.recognizers.hints import view, windows

DETECTOR = Detector(names=False)
WHOLE = Detector(names=False, threshold=0.0)
CPF_FORMS = [
    "{0}.{1}.{2}-{3}",
    "{0}{1}{2}{3}",
    "{0} {1} {2} {3}",
    "{0}.{1}.{2}/{3}",
    "{0}{1}{2}-{3}",
    "{0}-{1}-{2}-{3}",
]
CNPJ_FORMS = [
    "{0}.{1}.{2}/{3}-{4}",
    "{0}{1}{2}{3}{4}",
    "{0} {1} {2} {3} {4}",
    "{0}{1}{2}/{3}-{4}",
    "{0}.{1}.{2}/{3}{4}",
]
EXAMPLES = {"12345678909", "01234567890", "00000000191", "12345678000195", "12ABC34501DE35"}


@st.composite
def cpfs(draw):
    base = draw(st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(lambda it: len(set(it)) > 1))
    return "".join(map(str, (*base, *cpf_check(base))))


def cnpjs(alphabet):
    def finish(base):
        return base + "".join(map(str, cnpj_check(numbers(base))))

    return st.text(alphabet, min_size=12, max_size=12).filter(lambda it: len(set(it)) > 1).map(finish)


def cpf_parts(value):
    return value[:3], value[3:6], value[6:9], value[9:]


def cnpj_parts(value):
    return value[:2], value[2:5], value[5:8], value[8:12], value[12:]


def hit(text, entity, start, end, detector=DETECTOR):
    return [d for d in detector.detect(text) if d.entity == entity and (d.start, d.end) == (start, end)]


FILLER = "Ordem do dia sem nada de pessoal, escrita para ocupar espaço. "


@given(cpfs().filter(lambda it: it not in EXAMPLES), st.sampled_from(CPF_FORMS), st.integers(0, 2 * CHUNK))
@settings(max_examples=150, deadline=None)
def test_any_cpf_is_found_at_any_position(value, form, position):
    written = form.format(*cpf_parts(value))
    before = (FILLER * (position // len(FILLER) + 1))[:position] + " "
    text = f"{before}{written} fim"
    (found,) = hit(text, "PII_CPF", len(before), len(before) + len(written))
    assert Evidence.CHECK_DIGITS in found.evidence
    assert not found.suspect


@pytest.mark.parametrize("shift", range(-20, 21, 4))
@pytest.mark.parametrize("boundary", [CHUNK, 2 * CHUNK])
def test_nothing_is_lost_on_a_boundary(boundary, shift):
    text = (FILLER * 400)[: boundary + shift] + " 529.982.247-25 " + FILLER * 20
    assert [text[d.start : d.end] for d in DETECTOR.detect(text)] == ["529.982.247-25"]


@given(cnpjs("0123456789").filter(lambda it: it not in EXAMPLES), st.sampled_from(CNPJ_FORMS))
@settings(max_examples=100, deadline=None)
def test_any_numeric_cnpj_is_found(value, form):
    written = form.format(*cnpj_parts(value))
    text = f"Fornecedor {written}, ativo. CNPJ: {written}"
    # A plain number that reads as a date and time needs its label.
    assert hit(text, "PII_CNPJ", len(text) - len(written), len(text))
    assert hit(text, "PII_CNPJ", 11, 11 + len(written), WHOLE)


@given(
    cnpjs("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ").filter(lambda it: it not in EXAMPLES and not it.isdigit()),
    st.sampled_from(CNPJ_FORMS),
)
@settings(max_examples=100, deadline=None)
def test_any_alphanumeric_cnpj_is_found(value, form):
    written = form.format(*cnpj_parts(value))
    text = f"Fornecedor {written}."
    assert hit(text, "PII_CNPJ", 11, 11 + len(written))


@given(cpfs(), st.integers(0, 10), st.integers(1, 9), st.sampled_from(CPF_FORMS), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_wrong_digit_is_never_called_valid(value, index, by, form, labelled):
    wrong = value[:index] + str((int(value[index]) + by) % 10) + value[index + 1 :]
    # Of the digits 0 and 1 of a remainder both may stand for 0: what is valid again is no wrong number.
    if valid_cpf(wrong):
        return
    text = ("CPF: " if labelled else "") + form.format(*cpf_parts(wrong))
    found = [d for d in WHOLE.detect(text) if d.entity == "PII_CPF"]
    assert all(Evidence.CHECK_DIGITS not in d.evidence for d in found)
    if labelled and len(set(wrong)) > 1:
        assert [d.suspect for d in found] == [True]


@given(cnpjs("0123456789"), st.integers(0, 13), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_a_wrong_digit_in_a_labelled_cnpj_is_a_suspect(value, index, by):
    wrong = value[:index] + str((int(value[index]) + by) % 10) + value[index + 1 :]
    if valid_cnpj(wrong) or len(set(wrong)) == 1:
        return
    found = [d for d in DETECTOR.detect(f"CNPJ nº {wrong}") if d.entity == "PII_CNPJ"]
    assert [(d.suspect, d.confidence) for d in found] == [(True, "low")]


@given(
    st.lists(st.one_of(cpfs(), st.text(max_size=40), st.just("CPF: "), st.just("joao.silva@empresa.com.br ")))
)
@settings(max_examples=150, deadline=None)
def test_answers_are_in_order_without_overlap(parts):
    text = " ".join(parts)
    found = WHOLE.detect(text)
    for left, right in itertools.pairwise(found):
        assert left.end <= right.start
    assert all(0 <= d.start < d.end <= len(text) and 0 < d.score <= 1 for d in found)


@given(st.text())
def test_folding_keeps_every_position(text):
    assert len(plain(text)) == len(text) == len(unaccented(text))


@given(cpfs().filter(lambda it: it not in EXAMPLES))
@settings(deadline=None)
def test_digits_of_any_script_are_digits(value):
    written = "{}.{}.{}-{}".format(*cpf_parts(value))
    for zero in ("\uff10", "\u0660", "\u0966"):
        foreign = re.sub(r"\d", lambda m, zero=zero: chr(ord(zero) + int(m.group())), written)
        assert hit(f"CPF: {foreign}", "PII_CPF", 5, 5 + len(foreign))


SAMPLES = yaml.safe_load((Path(__file__).parents[1] / "data" / "pii" / "recognizers.yaml").read_text())
SAMPLED = st.sampled_from(
    [sample["text"] for samples in SAMPLES.values() for sample in samples["finds"]]
    + [
        f"{sample['value']} ({sample['text'].split()[0]})"
        for samples in SAMPLES.values()
        for sample in samples["finds"]
    ]
)
PIECES = st.one_of(
    st.text("0123456789", max_size=6),
    st.text(" .-/()+@:", max_size=3),
    st.sampled_from(
        [
            "CPF ",
            "tel ",
            "55",
            "DE",
            "A1",
            "ana",
            ".com.br",
            "@",
            "\n",
            "(11) ",
            "SSN ",
            "CEP ",
            "12ABC34501DE35",
        ]
    ),
    st.sampled_from(
        [
            "529.982.247-25",
            "98123-4567",
            "4539148803436467",
            "DE12500105170648489890",
            "ip 8.8.8.8",
            "2804:14d::17",
        ]
    ),
)


@pytest.mark.parametrize("kind", [*DEFAULT, *OPTIONAL], ids=lambda kind: kind.__name__)
@given(st.lists(st.one_of(PIECES, SAMPLED), max_size=20))
@settings(max_examples=30, deadline=None)
def test_a_hint_hides_nothing(kind, parts):
    text = "".join(parts)
    recognizer = kind()
    seen = [(result.start, result.end, result.score) for result in recognizer.analyze(text)]
    everywhere = recognizer.within(text, [(0, len(text))])
    assert sorted(seen) == sorted((result.start, result.end, result.score) for result in everywhere)


HINTS = sorted({kind.HINT for kind in (*DEFAULT, *OPTIONAL)}, key=lambda hint: hint.pattern)
ENGINES = {name: prefilter([hint.pattern for hint in HINTS], name) for name in ("re", "re2", "hyperscan")}


@given(st.lists(st.one_of(PIECES, SAMPLED, st.text(max_size=8)), max_size=20))
@settings(max_examples=200, deadline=None)
def test_every_engine_gives_the_same(parts):
    seen = view("".join(parts))
    expected = frozenset(number for number, hint in enumerate(HINTS) if windows(hint, seen))
    assert {name: engine.present(seen) for name, engine in ENGINES.items()} == dict.fromkeys(
        ENGINES, expected
    )


@pytest.mark.parametrize("engine", ["re", "re2", "hyperscan"])
def test_a_detector_of_any_engine_finds_every_sample(engine):
    found = Detector(names=False, engine=engine)
    for samples in SAMPLES.values():
        for text in (sample["text"] for sample in samples["finds"]):
            assert found.detect(text) == DETECTOR.detect(text)
