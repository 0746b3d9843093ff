"""Coverage of frameworks as OSCAL assessment results: valid by OSCAL's own types, and it never says more than was seen."""

import json

import oscal_bindings
import pytest
import verdicts

from guarita.policy.frameworks import NAMES, Status, load_framework
from guarita.scan.reports import reporter
from guarita.scan.reports.oscal import control_id

FRAMEWORKS = {name: load_framework(name) for name in NAMES}


def document(verdict):
    raw = reporter("oscal").render(verdict)
    oscal_bindings.AssessmentResultsDocument.model_validate_json(raw)
    return json.loads(raw)["assessment-results"]


def test_every_control_stands_as_what_was_found_of_it():
    verdict = verdicts.with_frameworks(verdicts.mixed())
    results = document(verdict)["results"]
    assert len(results) == len(NAMES)
    states = {Status.PASSED: "satisfied", Status.FAILED: "not-satisfied"}
    seen = set()
    for one, result in zip(verdict.frameworks, results, strict=True):
        told = {f["target"]["target-id"]: f["target"]["status"]["state"] for f in result["findings"]}
        (selection,) = result["reviewed-controls"]["control-selections"]
        excluded = {control["control-id"] for control in selection.get("exclude-controls", ())}
        for control in one.controls:
            name = control_id(one.name, control.id)
            assert told.get(name) == states.get(control.status)
            assert (name in excluded) == (control.status is Status.NOT_CHECKED)
            seen.add(control.status)
    assert seen == set(Status)


def test_what_was_not_seen_is_satisfied_nowhere():
    text = json.dumps(
        document(verdicts.with_frameworks(verdicts.mixed(), unseen="one file could not be read"))
    )
    assert '"satisfied"' not in text
    everything = document(verdicts.with_frameworks(verdicts.verdict(), unseen="one file could not be read"))
    assert all("findings" not in result for result in everything["results"])


def test_a_verdict_without_frameworks_reviews_no_control():
    (result,) = document(verdicts.mixed())["results"]
    assert "findings" not in result


@pytest.mark.parametrize("name", NAMES)
def test_controls_keep_names_of_their_own(name):
    names = [control_id(name, control.id) for control in FRAMEWORKS[name].controls]
    assert len(set(names)) == len(names)


def test_the_same_verdict_gives_the_same_document():
    verdict = verdicts.with_frameworks(verdicts.mixed())
    assert reporter("oscal").render(verdict) == reporter("oscal").render(verdict)
