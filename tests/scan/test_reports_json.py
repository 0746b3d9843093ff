"""The JSON report: everything, by a published schema, whatever the tree holds."""

import json

import jsonschema
import pytest
import verdicts
from hypothesis import given, settings

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding
from guarita.policy.gate.verdict import Verdict
from guarita.scan.reports import reporter
from guarita.scan.reports.published import SCHEMA, schema_text

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes()))


def render(verdict):
    return reporter("json").render(verdict)


def test_the_published_schema_is_the_one_the_types_give():
    assert SCHEMA.read_bytes() == schema_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_bytes()))


@settings(max_examples=60, deadline=None)
@given(verdicts.hostile)
def test_hostile_verdicts_are_valid_ascii_and_complete(verdict):
    raw = render(verdict)
    assert raw.isascii()
    assert b"##" not in raw
    assert not [line for line in raw.splitlines() if line.lstrip().startswith(b"::")]
    report = json.loads(raw)
    VALIDATOR.validate(report)
    assert report["result"] == verdict.result.value
    assert len(report["decisions"]) == len(verdict.decisions)
    assert len(report["coverage"]["files"]) == len(verdict.coverage.files)


def test_text_that_is_unicode_stands_as_it_is():
    path = "esc\x1b[31m\n##[x]ação.py"
    report = json.loads(render(verdicts.verdict([verdicts.decision(verdicts.finding(path=path))])))
    assert report["decisions"][0]["finding"]["location"]["path"] == path
    assert "path_encoding" not in report["decisions"][0]["finding"]["location"]


def test_a_path_that_is_not_utf8_is_percent_encoded_and_says_so():
    report = json.loads(
        render(verdicts.verdict([verdicts.decision(verdicts.finding(path="a b/caf\udce9.py"))]))
    )
    place = report["decisions"][0]["finding"]["location"]
    assert (place["path"], place["path_encoding"]) == ("a%20b/caf%E9.py", "percent")
    (file,) = [file for file in report["coverage"]["files"] if "path_encoding" in file]
    assert file["path"] == "a%20b/caf%E9.py"


def test_nothing_is_left_out_but_the_anchor():
    report = json.loads(render(verdicts.mixed()))
    assert set(report) == {*Verdict.__struct_fields__, "schema", "counts"}
    assert set(report["decisions"][0]["finding"]) == set(Finding.__struct_fields__) - {"anchor"}


@pytest.mark.parametrize("change", [{"result": "maybe"}, {"extra": 1}, {"schema": "guarita.report/2"}])
def test_the_schema_refuses_what_is_no_report(change):
    report = {**json.loads(render(verdicts.mixed())), **change}
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(report)


def test_counts_are_those_of_the_verdict():
    report = json.loads(render(verdicts.unknown()))
    assert report["result"] == "unknown"
    assert report["counts"]["coverage"] == {status.value: 1 for status in FileStatus}
