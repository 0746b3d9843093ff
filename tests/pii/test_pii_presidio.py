"""Presidio's types: cheap to load, the same for everyone, and a recognizer from elsewhere plugs in."""

import subprocess
import sys

import pytest
from presidio_analyzer import Pattern, PatternRecognizer
from presidio_analyzer.predefined_recognizers import UkNinoRecognizer, UsSsnRecognizer

from guarita.pii import Detector, Evidence
from guarita.pii.recognizers import DEFAULT


def run(code):
    return subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout.split()


def test_detection_loads_neither_spacy_nor_a_client():
    code = """
import sys
from guarita.pii import Detector
Detector(names=False).detect("CPF 529.982.247-25")
print(*(name in sys.modules for name in ("spacy", "numpy", "requests", "phonenumbers", "pypdfium2")))
"""
    assert run(code) == ["False"] * 5


@pytest.mark.parametrize(
    "first",
    [
        "from presidio_analyzer import AnalyzerEngine",
        "import presidio_analyzer.predefined_recognizers.generic.iban_recognizer",
        "from presidio_analyzer.predefined_recognizers import IbanRecognizer",
        "import presidio_analyzer.pattern_recognizer",
        "import presidio_analyzer; presidio_analyzer.BatchAnalyzerEngine",
    ],
)
def test_the_rest_of_presidio_loads_on_first_use_and_shares_its_types(first):
    code = f"""
import guarita.pii.presidio as light
import sys
assert "spacy" not in sys.modules
{first}
import presidio_analyzer
from presidio_analyzer.predefined_recognizers import UsSsnRecognizer
print(presidio_analyzer.PatternRecognizer is light.PatternRecognizer)
print(presidio_analyzer.RecognizerResult is light.RecognizerResult)
print(issubclass(UsSsnRecognizer, light.EntityRecognizer), "spacy" in sys.modules)
print(presidio_analyzer.recognizer_result.RecognizerResult is light.RecognizerResult)
"""
    assert run(code) == ["True"] * 5


def test_presidio_imported_first_is_used_as_it_is():
    code = """
import presidio_analyzer
import guarita.pii.presidio as light
print(presidio_analyzer.PatternRecognizer is light.PatternRecognizer)
"""
    assert run(code) == ["True"]


def test_a_recognizer_from_elsewhere_plugs_in():
    badge = PatternRecognizer(
        supported_entity="BADGE",
        patterns=[Pattern("badge", r"\bBX\d{5}\b", 0.3)],
        context=["crachá", "cracha"],
    )
    detector = Detector([*(kind() for kind in DEFAULT), badge], names=False)
    text = "crachá: BX12345, CPF 529.982.247-25"
    assert [(d.entity, text[d.start : d.end]) for d in detector.detect(text)] == [
        ("PII_BADGE", "BX12345"),
        ("PII_CPF", "529.982.247-25"),
    ]
    assert Evidence.LABEL in detector.detect(text)[0].evidence
    # Without its label it is too weak to be reported.
    assert detector.detect("peça BX12345") == []


def test_presidios_own_recognizers_plug_in_under_our_names():
    detector = Detector([UsSsnRecognizer(), UkNinoRecognizer()], names=False)
    text = "National insurance number AA 12 34 56 B; ssn 536-90-4399"
    assert [d.entity for d in detector.detect(text)] == ["PII_UK_NINO", "PII_US_SSN"]


def test_ours_run_under_presidios_interface():
    from guarita.pii.recognizers.cpf import CpfRecognizer

    recognizer = CpfRecognizer(language="en")
    (result,) = recognizer.analyze("CPF 529.982.247-25", ["PII_CPF"], None)
    assert (result.entity_type, result.start, result.end, result.score) == ("PII_CPF", 4, 18, 0.99)
    assert result.analysis_explanation.textual_explanation == "check digits valid, label beside it"
    assert recognizer.analyze("CPF 529.982.247-25", ["PERSON"], None) == []
    assert recognizer.to_dict()["supported_entity"] == "PII_CPF"


def test_presidios_own_engine_still_makes_its_own_recognizers():
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

    registry = RecognizerRegistryProvider().create_recognizer_registry()
    kinds = {type(recognizer).__module__.partition(".")[0] for recognizer in registry.recognizers}
    assert kinds == {"presidio_analyzer"}
