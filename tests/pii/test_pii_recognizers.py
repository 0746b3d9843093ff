"""Each recognizer by samples: what it must find and how sure, what it must not, and what comes close."""

import inspect
from pathlib import Path

import pytest
import yaml

from guarita.pii import Detector
from guarita.pii.entities import TITLES
from guarita.pii.recognizers import DEFAULT, OPTIONAL
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer

DETECTOR = Detector([kind() for kind in (*DEFAULT, *OPTIONAL)], names=False)

SAMPLES = yaml.safe_load((Path(__file__).parents[1] / "data" / "pii" / "recognizers.yaml").read_text())
NAMES = {"PII_PERSON", "PII_ADDRESS", "PII_LOCATION", "PII_LISTED"}


def pairs(kind):
    return [(entity, item) for entity, samples in SAMPLES.items() for item in samples.get(kind, ())]


def found(text, entity):
    return [d for d in DETECTOR.detect(text) if d.entity == entity]


@pytest.mark.parametrize(("entity", "sample"), pairs("finds"))
def test_finds(entity, sample):
    text = sample["text"]
    (detection,) = found(text, entity)
    assert text[detection.start : detection.end] == sample["value"]
    assert detection.confidence == sample["confidence"]
    assert not detection.suspect


@pytest.mark.parametrize(("entity", "text"), pairs("ignores"))
def test_does_not_find(entity, text):
    assert found(text, entity) == []


@pytest.mark.parametrize(("entity", "text"), pairs("suspects"))
def test_a_labelled_near_miss_is_a_suspect(entity, text):
    assert [(d.suspect, d.confidence) for d in found(text, entity)] == [(True, "low")]


def test_every_recognizer_has_samples_and_a_title():
    kinds = {kind.ENTITY: kind for kind in (*DEFAULT, *OPTIONAL)}
    assert set(kinds) == set(SAMPLES) == set(TITLES) - NAMES
    for entity, samples in SAMPLES.items():
        assert len(samples["finds"]) > 1
        assert len(samples["ignores"]) > 1
        # What has check digits has suspects, and what has none cannot.
        checked = "SUSPECT" in inspect.getsource(inspect.getmodule(kinds[entity]))
        checked |= issubclass(kinds[entity], LabelledNumberRecognizer)
        assert checked == ("suspects" in samples), entity


def test_the_nearest_label_says_what_a_number_is():
    text = "CPF: 529.982.247-25; CNH: 02650306461; PIS 469.52280.63-7; RENAVAM 00639884962"
    assert [d.entity for d in DETECTOR.detect(text)] == ["PII_CPF", "PII_CNH", "PII_PIS", "PII_RENAVAM"]


def test_a_label_reaches_one_value_only():
    assert found("CPF 529.982.247-25, protocolo 52998224724", "PII_CPF")[0].start == 4
    assert len(found("CPF 529.982.247-25, protocolo 52998224724", "PII_CPF")) == 1


def test_iban_lengths_are_those_of_presidio_where_it_knows_the_country():
    import re._parser as parser

    from presidio_analyzer.predefined_recognizers.generic.iban_patterns import regex_per_country

    from guarita.pii.recognizers.iban import LENGTHS

    ours = {country: length for length, countries in LENGTHS.items() for country in countries.split()}
    for country, regex in regex_per_country.items():
        assert parser.parse(regex.replace("[ ]?", "")).getwidth() == (ours[country], ours[country])
