"""JUnit XML by its schema: what fails is a failure, what is unknown is an error, whatever the names hold."""

import re
from pathlib import Path

import msgspec
import verdicts
from hypothesis import given, settings
from lxml import etree

from guarita.policy.gate.verdict import Result, State
from guarita.scan.reports import reporter

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[1] / "data/junit/junit-10.xsd"))


def render(verdict):
    raw = reporter("junit").render(verdict)
    root = etree.fromstring(raw)
    SCHEMA.assertValid(root)
    return raw, root


def ends(root):
    """Test case by name, with the tags below it."""
    return {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}


@settings(max_examples=60, deadline=None)
@given(verdicts.hostile)
def test_hostile_verdicts_are_valid_complete_and_command_nothing(verdict):
    raw, root = render(verdict)
    assert not [line for line in raw.splitlines() if line.lstrip().startswith(b"::")]
    assert not re.search(rb"##\w*\[", raw)
    found = [c for c in root.iter("testcase") if c.get("classname") not in GATE]
    assert len(found) == len(verdict.decisions)
    assert (len(list(root.iter("failure"))) > 0) is any(verdict.failing) or verdict.result is Result.FAILED
    assert (len(list(root.iter("error"))) > 0) is (verdict.result is Result.UNKNOWN)


GATE = {"guarita", "guarita.scanner", "guarita.problem", "guarita.coverage"}


def test_each_state_has_its_own_end():
    _, root = render(verdicts.mixed())
    cases = {
        decision.finding.fingerprint[:12]: decision.state
        for decision in verdicts.mixed().decisions
        if decision.finding.fingerprint
    }
    by_state = {}
    for name, tags in ends(root).items():
        mark = re.search(r"\[([0-9a-f]{12})\]$", name)
        if mark:
            by_state.setdefault(cases[mark[1]], set()).add(tuple(tags))
    assert by_state == {
        State.FAILING: {("failure",)},
        State.BELOW: {("system-out",)},
        State.WAIVED: {("skipped",)},
        State.SUPPRESSED: {("skipped",)},
        State.BASELINE: {("skipped",)},
        State.EXISTING: {("skipped",)},
    }
    waived = [s.get("message") for s in root.iter("skipped") if s.get("type") == "waived"]
    assert waived == ["waived: waived by platform@example.com until 2026-06-30: checksum of a public file"]


def test_counts_are_those_of_what_stands_below():
    _, root = render(verdicts.mixed())
    assert root.get("failures") == str(len(list(root.iter("failure")))) == "4"
    assert root.get("errors") == "0"
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
    for suite in root:
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))


def test_a_failure_shows_place_code_and_how_to_fix():
    _, root = render(verdicts.verdict([verdicts.decision(verdicts.finding())]))
    (failure,) = [f for f in root.iter("failure") if f.get("type") == "B602"]
    assert failure.get("message") == "high: subprocess call with shell=True identified, security issue."
    for part in (
        "services/api/main.py:112",
        "112 >     subprocess.run(word, shell=True)",
        "fix: Pass a list",
    ):
        assert part in failure.text


def test_unknown_is_an_error_for_the_answer_each_file_and_each_problem():
    _, root = render(verdicts.unknown())
    cases = ends(root)
    assert cases["the gate's answer"] == ["error"]
    assert cases["deploy/broken.yaml"] == cases["charts/app/values.yaml"] == ["error"]
    assert cases["scanner.timeout 1: manifests"] == ["error"]
    assert "logo.png" not in cases
    assert any("reading chart 7 of 9" in error.text for error in root.iter("error"))


def test_an_unknown_answer_that_nothing_explains_is_still_no_green_one():
    bare = msgspec.structs.replace(verdicts.verdict(), result=Result.UNKNOWN)
    _, root = render(bare)
    assert root.get("errors") == "1"


def test_a_scanner_that_did_not_finish_is_an_error_and_an_idle_one_is_skipped():
    done, _, idle = verdicts.mixed().scanners
    crashed = msgspec.structs.replace(done, name="other", status="scanner.crashed")
    _, root = render(verdicts.mixed(scanners=(done, crashed, idle)))
    cases = ends(root)
    assert cases["code read what it claims"] == []
    assert cases["other read what it claims"] == ["error"]
    assert cases["manifests read what it claims"] == ["skipped"]


def test_a_passing_answer_is_green_and_not_empty():
    _, root = render(verdicts.verdict())
    assert (root.get("failures"), root.get("errors")) == ("0", "0")
    assert ends(root)["the gate's answer"] == []


def test_names_are_unique_and_hold_no_line():
    _, root = render(verdicts.large(400))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)
    assert not [name for _, name in names if re.search(r"\.py:\d", name)]
