"""A change that loosens its own judge is a finding, and the base revision's policy judges it."""

import json

import pytest

from guarita import config
from guarita.config import ScanSection
from guarita.scan.weakening.policy import loosened

WORKFLOW = (
    "on: pull_request\njobs:\n  gate:\n    runs-on: u\n    steps:\n      - run: guarita scan . --diff main\n"
)
TEST = "import guarita\n\n\ndef test_gate():\n    assert guarita\n\n\ndef test_more():\n    assert True\n"
POLICY = """\
scan:
  fail_on: medium
  scanners: [code, secrets]
  max_waiver_days: 90
  severity: [{rule: B101, severity: high, reason: r}]
  paths: [{paths: [prod/], fail_on: low, reason: r}]
  waivers: [{rule: B404, owner: o, reason: r, expires: 2030-01-01}]
"""
FILES = {
    "a.py": "x = 1\n",
    "guarita.yaml": POLICY,
    ".github/workflows/ci.yaml": WORKFLOW,
    "tests/test_gate.py": TEST,
}


def changed(repository, files, *words, gone=()):
    base = repository.commit(FILES)
    for path in gone:
        (repository.root / path).unlink()
    repository.commit(files)
    scan = repository.scan("--diff", base, *words)
    return scan, [(f["rule"], f["message"]) for f in scan.findings() if f["scanner"] == "gate"]


def section(text):
    return config.parse(text.encode(), "t").scan


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("fail_on: medium", "fail_on: high"), "fail_on goes from medium to high"),
        (("scanners: [code, secrets]", "scanners: [code]"), "secrets no longer run"),
        (("max_waiver_days: 90", "max_waiver_days: 900"), "waivers may reach further"),
        (("max_waiver_days: 90", "max_waiver_days: null"), "waivers may reach further"),
        (("severity: high", "severity: info"), "B101 is set to info"),
        (("  severity: [{rule: B101, severity: high, reason: r}]\n", ""), "B101 is no longer set"),
        (("fail_on: low", "fail_on: critical"), "threshold at prod/"),
        (("2030-01-01", "2031-01-01"), "waiver for B404"),
        (("rule: B404", "rule: 'B*'"), "waiver for B*"),
        (("scan:\n", "scan:\n  exclude: [{name: all, paths: ['**'], reason: r}]\n"), "exclusion all"),
        (
            ("scan:\n", "scan:\n  inline_suppressions: {accept: [{rule: B602, reason: r}]}\n"),
            "B602 are accepted",
        ),
        (("scan:\n", "scan:\n  baseline: known.json\n"), "baseline is known.json"),
        (("scan:\n", "scan:\n  advisories_max_age: 300\n"), "300 days old"),
    ],
)
def test_each_way_to_loosen_a_policy_is_said(edit, said):
    assert any(said in what for what in loosened(section(POLICY), section(POLICY.replace(*edit))))


def test_what_is_the_same_or_stricter_is_not_said():
    assert list(loosened(section(POLICY), section(POLICY))) == []
    stricter = POLICY.replace("fail_on: medium", "fail_on: low").replace(
        "[code, secrets]", "[code, secrets, documents]"
    )
    stricter = stricter.replace("max_waiver_days: 90", "max_waiver_days: 30")
    assert list(loosened(section(POLICY), section(stricter))) == []
    without = POLICY.replace("  waivers: [{rule: B404, owner: o, reason: r, expires: 2030-01-01}]\n", "")
    assert list(loosened(section(POLICY), section(without))) == []
    assert list(loosened(ScanSection(), ScanSection())) == []


def test_a_loosened_policy_fails_the_change_that_brings_it(repository):
    scan, found = changed(repository, {"guarita.yaml": POLICY.replace("medium", "critical")})
    assert scan.status == 1
    assert found == [("GUARITA_GATE_1", "Fail_on goes from medium to critical.")]


def test_a_policy_that_is_gone_or_broken_fails(repository):
    scan, found = changed(repository, {}, gone=["guarita.yaml"])
    assert scan.status == 1
    assert any("B101 is no longer set" in message for _, message in found)
    repository.commit({"guarita.yaml": "scan: [\n"})
    assert repository.scan("--diff", "HEAD~2").rules("failing") == ["GUARITA_GATE_1"]


def test_the_base_policy_may_allow_it(repository):
    allowing = POLICY.replace(
        "[{rule: B101", "[{rule: 'GUARITA_GATE_*', severity: info, reason: reviewed by owners}, {rule: B101"
    )
    base = repository.commit({**FILES, "guarita.yaml": allowing})
    repository.commit({"guarita.yaml": allowing.replace("medium", "critical")})
    scan = repository.scan("--diff", base)
    assert scan.status == 0
    assert scan.rules("below-threshold") == ["GUARITA_GATE_1"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("guarita scan . --diff main", "echo fine"), "named less often"),
        (("--diff main", "--diff main || true"), "|| true is new"),
        (("--diff main", "--diff main --fail-on critical"), "--fail-on is new"),
        (("    runs-on", "    continue-on-error: true\n    runs-on"), "continue-on-error is new"),
        (("    runs-on", "    if: ${{ false }}\n    runs-on"), "if: false is new"),
    ],
)
def test_a_weakened_pipeline_fails(repository, edit, said):
    scan, found = changed(repository, {".github/workflows/ci.yaml": WORKFLOW.replace(*edit)})
    assert scan.status == 1
    assert [rule for rule, message in found if said in message.lower()] == ["GUARITA_GATE_3"]


def test_a_pipeline_that_is_gone_and_tests_that_hold_less_are_findings(repository):
    scan, found = changed(
        repository,
        {
            "tests/test_gate.py": "import guarita\nimport pytest\n\n\n@pytest.mark.skip\ndef test_gate():\n    pass\n"
        },
        gone=[".github/workflows/ci.yaml"],
    )
    assert scan.status == 1
    assert sorted(found) == [
        ("GUARITA_GATE_3", "What runs the gate is gone."),
        ("GUARITA_GATE_4", "A test that names the gate has fewer assertions."),
        ("GUARITA_GATE_4", "A test that names the gate has fewer test cases."),
        ("GUARITA_GATE_4", "A test that names the gate has more that is skipped."),
    ]


def test_a_longer_baseline_is_a_finding(repository):
    entry = {"fingerprint": "a" * 32, "rule": "B602", "severity": "high"}
    known = {"version": 1, "created": "2026-01-01T00:00:00Z", "findings": []}
    base = repository.commit(
        {"a.py": "x = 1\n", "guarita.yaml": "scan: {baseline: known.json}\n", "known.json": json.dumps(known)}
    )
    repository.commit({"known.json": json.dumps({**known, "findings": [entry]})})
    scan = repository.scan("--diff", base)
    assert scan.status == 1
    assert scan.rules("failing") == ["GUARITA_GATE_2"]


def test_a_change_elsewhere_and_a_policy_from_elsewhere_say_nothing_of_the_policy(repository, tmp_path):
    scan, found = changed(repository, {"a.py": "x = 2\n"})
    assert (scan.status, found) == (0, [])
    other = tmp_path / "policy.yaml"
    other.write_text("scan: {fail_on: low}\n")
    repository.commit({"guarita.yaml": POLICY.replace("medium", "critical")})
    assert repository.scan("--diff", "HEAD~2", "--policy", str(other)).status == 0
