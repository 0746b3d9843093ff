"""GitLab's Code Quality report: the documented fields, unique fingerprints, and nothing unknown left out."""

import json
import re

import jsonschema
import msgspec
import verdicts
from hypothesis import given, settings

from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import State
from guarita.scan.reports import reporter

# GitLab publishes no schema; this is its documentation's table, "Code Quality report format", in JSON Schema.
DOCUMENTED = jsonschema.Draft202012Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "additionalProperties": False,
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "pattern": "^[0-9a-f]+$"},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string", "minLength": 1, "pattern": r"^(?!\./)"},
                        "lines": {
                            "type": "object",
                            "required": ["begin"],
                            "properties": {"begin": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    }
)


def render(verdict):
    raw = reporter("gitlab").render(verdict)
    report = json.loads(raw)
    DOCUMENTED.validate(report)
    return raw, report


@settings(max_examples=60, deadline=None)
@given(verdicts.hostile)
def test_hostile_verdicts_are_valid_ascii_and_unique(verdict):
    raw, report = render(verdict)
    assert raw.isascii()
    assert b"##" not in raw
    assert not [line for line in raw.splitlines() if line.lstrip().startswith(b"::")]
    assert len({entry["fingerprint"] for entry in report}) == len(report)
    assert not [e for e in report if re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", e["description"])]


def test_one_finding():
    _, report = render(verdicts.verdict([verdicts.decision(verdicts.finding(fingerprint="ab" * 16))]))
    assert report == [
        {
            "description": "subprocess call with shell=True identified, security issue.",
            "check_name": "B602",
            "fingerprint": "ab" * 16,
            "severity": "critical",
            "location": {"path": "services/api/main.py", "lines": {"begin": 112}},
        }
    ]


def test_severities_keep_their_order():
    levels = [verdicts.decision(verdicts.finding(line=n, severity=s)) for n, s in enumerate(Severity, 1)]
    _, report = render(verdicts.verdict(levels))
    by_line = sorted((entry["location"]["lines"]["begin"], entry["severity"]) for entry in report)
    assert [severity for _, severity in by_line] == ["info", "minor", "major", "critical", "blocker"]


def test_what_somebody_accepted_is_left_out_and_the_rest_stays():
    verdict = verdicts.mixed()
    _, report = render(verdict)
    shown = {entry["fingerprint"] for entry in report}
    for decision in verdict.decisions:
        accepted = decision.state in {State.WAIVED, State.SUPPRESSED}
        assert (decision.finding.fingerprint in shown) is not accepted


def test_what_is_unknown_blocks():
    _, report = render(verdicts.unknown())
    unknown = {e["location"]["path"]: e for e in report if e["description"].startswith("Unknown: ")}
    assert set(unknown) == {".", "deploy/broken.yaml", "charts/app/values.yaml"}
    assert {entry["severity"] for entry in unknown.values()} == {"blocker"}
    assert "mapping values" in unknown["deploy/broken.yaml"]["description"]


def test_a_passing_verdict_is_an_empty_list():
    assert render(verdicts.verdict())[1] == []


def test_two_findings_with_one_fingerprint_are_both_shown_and_stay_so():
    same = verdicts.decision(verdicts.finding(fingerprint="c" * 32))
    moved = verdicts.decision(verdicts.finding(fingerprint="c" * 32, line=9))
    verdict = msgspec.structs.replace(verdicts.verdict([same]), decisions=(same, moved))
    _, report = render(verdict)
    assert report[0]["fingerprint"] == "c" * 32 != report[1]["fingerprint"]
    assert render(verdict)[1] == report
