"""Floors under the quality that docs/pii-model.md states, on a part of each set, so that nothing worsens it quietly."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from pii_parts.engines import GUARITA, SETS  # noqa: E402
from pii_parts.scoring import score  # noqa: E402

from guarita.pii import Detector  # noqa: E402

DATA = ROOT / "tests" / "data" / "pii"
DETECTOR = Detector()


def marked(name, types):
    for line in (DATA / name).read_text().splitlines():
        item = json.loads(line)
        spans = [
            (span["start"], span["end"], types[span["type"]] if types else span["type"])
            for span in item["spans"]
            if types is None or span["type"] in types
        ]
        yield item, spans


def pairs(name, types, wanted):
    kinds = set(SETS.values()) if types else set(GUARITA.values())
    for item, spans in marked(name, types):
        if wanted(item):
            found = [(d.start, d.end, GUARITA.get(d.entity)) for d in DETECTOR.detect(item["text"])]
            yield spans, [span for span in found if span[2] in kinds]


def test_english_templates_that_taught_nothing():
    result = score(pairs("presidio-research-dev.jsonl", SETS, lambda item: item["template_id"] % 2 == 1))
    assert result.total.f() >= 0.925
    assert result.types["PERSON"].f() >= 0.91
    assert result.types["LOCATION"].f() >= 0.91
    for kind in ("EMAIL", "CARD", "IBAN", "SSN"):
        assert result.types[kind].f() == 1


def test_portuguese_templates_and_names_that_taught_nothing():
    result = score(pairs("pt-test.jsonl", None, lambda item: True))
    assert result.total.f() >= 0.92
    assert result.types["PERSON"].f() >= 0.92
    for kind in ("CPF", "CNPJ", "RG", "CNH", "PIS", "CNS", "TITULO", "RENAVAM", "PLATE", "PASSPORT", "PIX"):
        assert result.types[kind].recall == 1


@pytest.mark.parametrize("name", ["presidio-research-dev.jsonl", "pt-test.jsonl"])
def test_a_score_is_a_probability(name):
    """Of what is reported with a score, about that share is right (a reliability diagram with three bins)."""
    types = SETS if name.startswith("presidio") else None
    wanted = ("PERSON", "LOCATION", "PHONE", "EMAIL", "CPF")
    bins = {0.35: [], 0.6: [], 0.85: []}
    for item, spans in marked(name, types):
        if types and item["template_id"] % 2 == 0:
            continue
        for found in DETECTOR.detect(item["text"]):
            kind = GUARITA.get(found.entity)
            if kind in wanted and not found.suspect:
                right = any(kind == k and found.start < e and s < found.end for s, e, k in spans)
                bins[max(low for low in bins if low <= found.score)].append((found.score, right))
    sizes = sum(map(len, bins.values()))
    error = 0.0
    for members in bins.values():
        if members:
            mean = sum(s for s, _ in members) / len(members)
            error += abs(mean - sum(r for _, r in members) / len(members)) * len(members) / sizes
    # Expected calibration error (Guo et al. 2017, section 2).
    assert error <= 0.08
    surest, unsure = bins[0.85], bins[0.35]
    assert sum(r for _, r in surest) / len(surest) >= 0.93
    assert sum(r for _, r in unsure) / max(1, len(unsure)) <= sum(r for _, r in surest) / len(surest)
