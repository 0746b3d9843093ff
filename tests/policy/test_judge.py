"""The judge and the finding's identity, as properties."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita import config
from guarita.policy.gate.coverage import Coverage, FileCoverage, FileStatus
from guarita.policy.gate.finding import Finding, Location, Severity, with_fingerprints
from guarita.policy.gate.judge import Judge, result
from guarita.policy.gate.patterns import path_matches
from guarita.policy.gate.verdict import Problem, Result, State

DAY = dt.date(2026, 6, 1)


def finding(rule="R1", anchor="a", path="x.py", line=1, severity=Severity.HIGH):
    return Finding(
        scanner="code",
        rule=rule,
        title="t",
        severity=severity,
        location=Location(path=path, line=line),
        anchor=anchor,
    )


def judge(text="", **options):
    return Judge(config.parse(text.encode(), "g.yaml").scan, DAY, **options)


findings = st.lists(
    st.builds(
        finding,
        rule=st.sampled_from(["R1", "R2"]),
        anchor=st.sampled_from(["a", "b"]),
        path=st.sampled_from(["x.py", "y.py"]),
        line=st.integers(1, 50),
        severity=st.sampled_from(Severity),
    ),
    max_size=12,
)


@given(findings, st.integers(1, 1000))
def test_fingerprints_survive_moved_lines_and_renamed_files(found, shift):
    before = with_fingerprints(found)
    moved = [
        msgspec.structs.replace(
            f, location=Location(path=f"renamed/{f.location.path}", line=f.location.line + shift)
        )
        for f in found
    ]
    assert [f.fingerprint for f in with_fingerprints(moved)] == [f.fingerprint for f in before]


@given(findings)
def test_no_two_findings_share_a_fingerprint(found):
    marked = with_fingerprints(found)
    assert len({f.fingerprint for f in marked}) == len(found)


@given(findings)
def test_one_more_of_the_same_is_new(found):
    known = {f.fingerprint for f in with_fingerprints(found)}
    more = with_fingerprints([*found, finding()])
    assert len([f for f in more if f.fingerprint not in known]) == 1


@given(findings, st.sampled_from(Severity))
def test_failing_means_at_or_above_the_threshold(found, threshold):
    decisions = judge(f"scan: {{fail_on: {threshold.value}}}").decide(with_fingerprints(found))
    assert len(decisions) == len(found)
    for decision in decisions:
        assert (decision.state is State.FAILING) == (decision.finding.severity >= threshold)


@pytest.mark.parametrize(
    ("expires", "state"),
    [("2026-06-01", State.WAIVED), ("2026-05-31", State.FAILING), ("2028-01-01", State.FAILING)],
)
def test_a_waiver_holds_to_its_last_day_and_not_for_ever(expires, state):
    text = f"scan:\n  waivers:\n  - {{rule: R1, owner: o, reason: r, expires: {expires}}}\n"
    (decision,) = judge(text).decide(with_fingerprints([finding()]))
    assert decision.state is state


def test_a_waiver_without_rule_or_fingerprint_waives_nothing():
    text = "scan:\n  waivers:\n  - {owner: o, reason: r, expires: 2026-06-30, paths: ['**']}\n"
    (decision,) = judge(text).decide(with_fingerprints([finding()]))
    assert decision.state is State.FAILING


def test_severity_and_threshold_by_path():
    text = (
        "scan:\n  fail_on: high\n"
        "  severity: [{rule: 'R*', severity: low, reason: r, paths: [tests/]}]\n"
        "  paths: [{paths: [docs/], fail_on: critical, reason: r}]\n"
    )
    found = with_fingerprints(
        [finding(path="tests/a.py"), finding(path="docs/a.py"), finding(path="src/a.py")]
    )
    states = {d.finding.location.path: d.state for d in judge(text).decide(found)}
    assert states == {"tests/a.py": State.BELOW, "docs/a.py": State.BELOW, "src/a.py": State.FAILING}


@pytest.mark.parametrize("status", list(FileStatus))
@pytest.mark.parametrize("problem", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_unknown_never_passes(status, problem, fails):
    decisions = judge().decide(with_fingerprints([finding()] if fails else []))
    coverage = Coverage(files=(FileCoverage(path="x", status=status),))
    problems = [Problem(code="c", message="m")] if problem else []
    answer = result(decisions, coverage, problems)
    if problem or status.unknown:
        assert answer is Result.UNKNOWN
    else:
        assert answer is (Result.FAILED if fails else Result.PASSED)


@pytest.mark.parametrize(
    ("path", "pattern", "meant"),
    [
        ("a/b/c.py", "a/", True),
        ("a/b/c.py", "*.py", True),
        ("a/b/c.py", "a/*.py", False),
        ("a/b/c.py", "a/**/*.py", True),
        ("a/c.py", "a/**/*.py", True),
        ("a/b/c.py", "b", True),
        ("ab/c.py", "a", False),
        ("a.pyc", "*.py", False),
        ("x/a\nb.py", "*.py", True),
    ],
)
def test_patterns_are_as_in_gitignore(path, pattern, meant):
    assert path_matches(path, [pattern]) is meant
