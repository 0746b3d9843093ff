"""Values that are broken or disguised are found, at the place where they stand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.pii import Detector, Evidence

DETECTOR = Detector(names=False)
BROKEN = [
    ("CPF: 5 2 9 . 9 8 2 . 2 4 7 - 2 5", "5 2 9 . 9 8 2 . 2 4 7 - 2 5", "PII_CPF"),
    ("CPF: 529.982.\n247-25 do titular", "529.982.\n247-25", "PII_CPF"),
    ("CPF 529 982 247\n25", "529 982 247\n25", "PII_CPF"),
    ("CPF: 529.98Z.247-Z5", "529.98Z.247-Z5", "PII_CPF"),
    ("CPF: 52g", None, None),
    ("CPF: S29.982.247-25", None, None),  # a word's start is no digit
    ("CPF: 529.982.247-2S", "529.982.247-2S", "PII_CPF"),
    ("CNPJ 11.444.777/OOO1-6l", "11.444.777/OOO1-6l", "PII_CNPJ"),
    ("cartão: 4539 1488\n0343 6467", "4539 1488\n0343 6467", "PII_CREDIT_CARD"),
    ("PIS 4 6 9 5 2 2 8 0 6 3 7", "4 6 9 5 2 2 8 0 6 3 7", "PII_PIS"),
]


@pytest.mark.parametrize(("text", "value", "entity"), BROKEN)
def test_broken_numbers_are_put_together(text, value, entity):
    detections = DETECTOR.detect(text)
    if value is None:
        assert [d for d in detections if not d.suspect] == []
        return
    (found,) = detections
    assert (found.entity, text[found.start : found.end]) == (entity, value)
    assert {Evidence.OBFUSCATED, Evidence.CHECK_DIGITS, Evidence.LABEL} <= set(found.evidence)


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "CPF: 5 2 9 . 9 8 2 . 2 4 7 - 2 6",
        "colunas 529 982 247\n25 e mais",
        "Olá, lIsta O1 l2 I3 S5",
    ],
)
def test_numbers_that_prove_nothing_stay_numbers(text):
    assert [d for d in DETECTOR.detect(text) if not d.suspect] == []


@given(
    st.sets(st.integers(1, 13), min_size=1, max_size=6),
    st.sampled_from("\u200b\u200d\ufeff\u00ad\u2060\u202e"),
)
@settings(max_examples=60, deadline=None)
def test_what_is_not_seen_hides_nothing(places, sign):
    value = "529.982.247-25"
    hidden = "".join(sign + letter if at in places else letter for at, letter in enumerate(value))
    text = f"{sign}CPF:{sign} {hidden} fim{sign}"
    (found,) = DETECTOR.detect(text)
    assert (found.entity, text[found.start : found.end]) == ("PII_CPF", hidden)
    assert Evidence.OBFUSCATED in found.evidence


def test_full_width_and_foreign_digits_are_digits():
    text = "CPF: \uff15\uff12\uff19.\uff19\uff18\uff12.\uff12\uff14\uff17-\uff12\uff15"
    (found,) = DETECTOR.detect(text)
    assert (found.start, found.end) == (5, len(text))
