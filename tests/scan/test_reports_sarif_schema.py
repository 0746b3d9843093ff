"""SARIF against the official schema and GitHub's limits, whatever the verdict holds."""

import datetime as dt
import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
import verdicts
from hypothesis import given, settings

from guarita.policy.gate.finding import Severity, Suppression
from guarita.policy.gate.verdict import State
from guarita.scan.reports import reporter

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("uri-reference")
@FORMATS.checks("uri")
def is_uri_reference(value):
    """RFC 3986, appendix A: its characters, percent signs that encode, no colon in a relative first segment."""
    characters = re.fullmatch(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", value)
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", value)
    return bool(characters) and (bool(scheme) or ":" not in value.partition("/")[0])


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value):
    return dt.datetime.fromisoformat(value).tzinfo is not None


SCHEMA = json.loads((Path(__file__).parents[1] / "data/sarif/sarif-schema-2.1.0.json").read_bytes())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=FORMATS)


def render(verdict):
    raw = reporter("sarif").render(verdict)
    document = json.loads(raw)
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    return raw, run


def test_the_validator_refuses_wrong_formats():
    document = json.loads(reporter("sarif").render(verdicts.mixed()))
    place = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    for wrong in ("a b.py", "a\n.py", "1:x", "100%"):
        place["uri"] = wrong
        assert not VALIDATOR.is_valid(document)


@settings(max_examples=40, deadline=None)
@given(verdicts.hostile)
def test_hostile_verdicts_are_valid(verdict):
    raw, run = render(verdict)
    assert raw.isascii()
    assert b"##" not in raw
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1
        assert not re.search(r"(?<!\\)\[.*(?<!\\)\]\(", result["message"]["text"])
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert run["invocations"][0]["executionSuccessful"] is (verdict.result.value != "unknown")


def by_state(run):
    return {
        result["properties"]["state"]: result for result in run["results"] if result["ruleId"] != "PII_CPF"
    }


def test_what_excuses_a_finding_is_said_as_sarif_says_it():
    _, run = render(verdicts.mixed(base="1" * 40))
    results = by_state(run)
    assert results["waived"]["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "waived by platform@example.com until 2026-06-30: checksum of a public file",
        }
    ]
    (inline,) = results["suppressed"]["suppressions"]
    assert (inline["kind"], inline["status"]) == ("inSource", "accepted")
    assert "constant input" in inline["justification"]
    assert "suppressions" not in results["failing"]
    assert {state: result.get("baselineState") for state, result in results.items()} == {
        "failing": "new",
        "suppressed": "new",
        "existing": "unchanged",
        "baseline": "unchanged",
        "waived": None,
        "below-threshold": None,
    }


@pytest.mark.parametrize(
    ("state", "statuses"),
    [
        (State.FAILING, ["rejected"]),
        (State.SUPPRESSED, ["accepted"]),
        (State.WAIVED, ["accepted"]),
        (State.BELOW, ["underReview"]),
        (State.BASELINE, ["underReview"]),
    ],
)
def test_a_result_counts_as_suppressed_only_where_the_policy_accepted_it(state, statuses):
    asked = verdicts.finding(suppression=Suppression(kind="nosec"))
    _, run = render(verdicts.verdict([verdicts.decision(asked, state, reason="why")]))
    assert [s["status"] for s in run["results"][0]["suppressions"]] == statuses


def test_a_finding_on_the_whole_file_stands_on_its_first_line_with_its_label():
    _, run = render(verdicts.mixed())
    (result,) = [result for result in run["results"] if result["ruleId"] == "PII_CPF"]
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 1, "endLine": 1}
    assert "contextRegion" not in place
    assert result["message"]["text"].endswith("(page 3)")


def test_a_rule_is_rated_by_its_worst_finding():
    low = verdicts.decision(verdicts.finding(line=1, severity=Severity.LOW))
    high = verdicts.decision(verdicts.finding(line=2, severity=Severity.CRITICAL))
    _, run = render(verdicts.verdict([low, high]))
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == "9.5"
    assert rule["properties"]["tags"] == ["security", "code", "external/cwe/cwe-078"]
    assert [result["level"] for result in run["results"]] == ["error", "note"]


def test_what_is_unknown_is_notified_with_its_reason():
    _, run = render(verdicts.unknown())
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    texts = {
        note["descriptor"]["id"]: note["message"]["text"] for note in invocation["toolExecutionNotifications"]
    }
    assert "reading chart 7 of 9" in texts["scanner.timeout"]
    assert "mapping values" in texts["coverage.unparseable"]
    assert "helm is not installed" in texts["coverage.no-tool"]


def test_beyond_githubs_limit_the_worst_stay_and_the_cut_is_said():
    base = verdicts.mixed()
    below = verdicts.decision(verdicts.finding(rule="B1", severity=Severity.INFO), State.BELOW)
    many = msgspec.structs.replace(base, decisions=(below,) * 25_000 + base.decisions)
    raw = reporter("sarif").render(many)
    (run,) = json.loads(raw)["runs"]
    assert len(run["results"]) == 25_000
    assert [result["properties"]["state"] for result in run["results"][:3]] == ["failing"] * 3
    (note,) = [
        n
        for n in run["invocations"][0]["toolExecutionNotifications"]
        if n["descriptor"]["id"] == "report.cut"
    ]
    assert note["message"]["text"].startswith("8 findings")


def test_a_link_in_a_message_is_no_link():
    _, run = render(
        verdicts.verdict([verdicts.decision(verdicts.finding(message="[x](https://evil.example)"))])
    )
    assert run["results"][0]["message"]["text"] == "\\[x\\](https://evil.example)"
