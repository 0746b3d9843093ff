"""The base revision's gate against the tree's, as findings that the base revision's policy judges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from guarita import config
from guarita.config import ScanSection
from guarita.errors import UsageError
from guarita.policy.gate.finding import Finding, Location
from guarita.policy.severity import load_table
from guarita.scan import baseline as baselines
from guarita.scan.weakening.policy import loosened

SCANNER: Final = "gate"
POLICY: Final = "GUARITA_GATE_1"
BASELINE: Final = "GUARITA_GATE_2"
PIPELINE: Final = "GUARITA_GATE_3"
TEST: Final = "GUARITA_GATE_4"

_PIPELINES: Final = re.compile(
    r"(^|/)\.(github|gitea|forgejo)/(workflows|actions)/.+\.ya?ml$|(^|/)action\.ya?ml$|\.gitlab-ci\.ya?ml$"
    r"|(^|/)\.pre-commit-config\.yaml$|(^|/)\.circleci/[^/]+\.ya?ml$|(^|/)[^/]*azure-pipelines[^/]*\.ya?ml$"
    r"|(^|/)bitbucket-pipelines\.ya?ml$|(^|/)Jenkinsfile$",
    re.IGNORECASE,
)
_TESTS: Final = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_GATE: Final = re.compile(rb"guarita")
_OFF: Final = {
    "continue-on-error": re.compile(rb"continue-on-error:\s*['\"]?(?!false)"),
    "allow_failure": re.compile(rb"allow_failure:\s*(?!false)"),
    "|| true": re.compile(rb"\|\|\s*(true|:|exit 0)"),
    "if: false": re.compile(rb"\bif:\s*['\"]?(\$\{\{\s*)?false"),
    "--no-verify or SKIP": re.compile(rb"--no-verify|\bSKIP[=:]"),
    "--fail-on": re.compile(rb"--fail-on"),
    "--baseline": re.compile(rb"--baseline"),
    "--scanner": re.compile(rb"--scanner"),
    "--ledger none": re.compile(rb"--ledger[ =]none"),
}
"""What lets a gate's answer go by, or makes it look at less."""
_ASSERTIONS: Final = re.compile(rb"^\s*(assert\b|with pytest\.raises|self\.assert)", re.MULTILINE)
_CASES: Final = re.compile(rb"^\s*(async )?def test_", re.MULTILINE)
_SKIPS: Final = re.compile(rb"pytest\.(mark\.)?(skip|xfail)|unittest\.skip")


def is_watched(path: str) -> bool:
    """Whether a file may run the gate, or test it."""
    return _PIPELINES.search(path) is not None or _TESTS.search(path) is not None


def weakened(
    before: Mapping[str, bytes], after: Mapping[str, bytes], policy: ScanSection | None
) -> list[Finding]:
    """What the tree takes away from the gate of the base revision.

    `before` and `after` hold the contents of watched files, guarita.yaml and the baseline; `policy` is the
    base's, None where another one judges and that in the tree means nothing.
    """
    judge = (
        [*_policy(policy, after.get(config.FILE_NAME)), *_baseline(policy, before, after)] if policy else []
    )
    return [
        *judge,
        *_pipelines(before, after),
        *_tests(before, after),
    ]


def _policy(before: ScanSection, text: bytes | None) -> Iterator[Finding]:
    try:
        after = ScanSection() if text is None else config.parse(text, config.FILE_NAME).scan
    except UsageError as error:
        yield _finding(POLICY, config.FILE_NAME, f"the policy cannot be read: {error.message}")
        return
    for what in loosened(before, after):
        yield _finding(POLICY, config.FILE_NAME, what)


def _baseline(
    section: ScanSection, before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> Iterator[Finding]:
    name = section.baseline
    if name is None or name not in after or after[name] == before.get(name):
        return
    try:
        known = baselines.parse(before[name], name) if name in before else frozenset[str]()
        more = baselines.parse(after[name], name) - known
    except UsageError as error:
        yield _finding(BASELINE, name, error.message)
        return
    if more:
        yield _finding(BASELINE, name, f"{len(more)} findings more are called known before")


def _pipelines(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Finding]:
    for path, old in before.items():
        if not (_PIPELINES.search(path) and _GATE.search(old)):
            continue
        new = after.get(path)
        if new is None:
            yield _finding(PIPELINE, path, "what runs the gate is gone")
        elif new != old:
            if len(_GATE.findall(new)) < len(_GATE.findall(old)):
                yield _finding(PIPELINE, path, "the gate is named less often")
            for name, pattern in _OFF.items():
                if len(pattern.findall(new)) > len(pattern.findall(old)):
                    yield _finding(PIPELINE, path, f"{name} is new")


def _tests(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Finding]:
    for path, old in before.items():
        if not (_TESTS.search(path) and _GATE.search(old)):
            continue
        new = after.get(path)
        if new is None:
            yield _finding(TEST, path, "a test that names the gate is gone")
            continue
        for what, pattern, more in (
            ("fewer test cases", _CASES, False),
            ("fewer assertions", _ASSERTIONS, False),
            ("more that is skipped", _SKIPS, True),
        ):
            difference = len(pattern.findall(new)) - len(pattern.findall(old))
            if difference > 0 if more else difference < 0:
                yield _finding(TEST, path, f"a test that names the gate has {what}")


def _finding(rule: str, path: str, what: str) -> Finding:
    rating = load_table().lookup(rule)
    return Finding(
        scanner=SCANNER,
        rule=rule,
        title=rating.title,
        message=f"{what[:1].upper()}{what[1:]}.".replace("..", "."),
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        cwe=rating.cwe,
        location=Location(path=path),
        anchor=f"{path}|{what}",
        resource=path,
    )
