"""JUnit XML, as Jenkins and GitLab read it: what fails is a failure, what is unknown an error, never green.

There is no standard; the elements are those of the schema of Jenkins' xUnit plugin (`junit-10.xsd`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import ClassVar
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from guarita.policy.gate.verdict import Decision, Result, ScannerRun, State, Verdict
from guarita.scan.reports.escape import printable
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.summary import STATES, place, why

ENDED = {"done", "idle"}
"""The statuses of a scanner whose silence means that there is nothing."""


class JunitReporter(Reporter):
    """For the test view of Jenkins, GitLab and their like.

    One suite for the gate itself (its answer, each scanner, every file that nobody vouches for) and one
    for the findings of each scanner.
    """

    name: ClassVar[str] = "junit"
    summary: ClassVar[str] = "JUnit XML, for the test view of a CI system"

    def render(self, verdict: Verdict) -> bytes:
        root = Element("testsuites", name="guarita")
        _suite(root, "guarita", _gate(verdict), verdict)
        for scanner in sorted({decision.finding.scanner for decision in verdict.decisions}):
            found = (decision for decision in verdict.decisions if decision.finding.scanner == scanner)
            _suite(root, f"guarita.{scanner}", map(_finding, found), verdict)
        for name in ("tests", "failures", "errors"):
            root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
        root.set("time", f"{verdict.seconds:.3f}")
        indent(root)
        text: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
        return text + b"\n"


def _suite(root: Element, name: str, cases: Iterable[Element], verdict: Verdict) -> None:
    suite = SubElement(root, "testsuite", name=printable(name))
    suite.extend(cases)
    suite.set("tests", str(len(suite)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    started = verdict.started.astimezone(dt.UTC)
    suite.set("timestamp", started.strftime("%Y-%m-%dT%H:%M:%S"))


def _gate(verdict: Verdict) -> Iterator[Element]:
    reason = printable(why(verdict))
    answer = _case("guarita", "the gate's answer")
    if verdict.result is Result.FAILED:
        _says(answer, "failure", verdict.result.value, reason)
    elif verdict.result is not Result.PASSED:
        _says(answer, "error", verdict.result.value, reason)
    yield answer
    for run in verdict.scanners:
        yield _scanner(run)
    for number, problem in enumerate(verdict.problems, 1):
        case = _case("guarita.problem", f"{problem.code} {number}: {problem.scanner}")
        text = "\n".join(filter(None, (printable(problem.message), printable(problem.hint))))
        yield _says(case, "error", problem.code, printable(problem.message), text)
    for file in verdict.coverage.unknown:
        case = _case("guarita.coverage", file.path)
        reason = f"{file.status.value}: {printable(file.reason) or 'nobody read it'}"
        yield _says(case, "error", f"coverage.{file.status.value}", reason)


def _scanner(run: ScannerRun) -> Element:
    case = _case("guarita.scanner", f"{run.name} read what it claims")
    case.set("time", f"{run.seconds:.3f}")
    if run.status == "idle":
        SubElement(case, "skipped", message="nothing here for it to read")
    elif run.status not in ENDED:
        _says(case, "error", printable(run.status), f"{run.name} did not finish: {printable(run.status)}")
    return case


def _finding(decision: Decision) -> Element:
    finding = decision.finding
    title = f"{finding.rule} {finding.title} in {finding.location.path} [{finding.fingerprint[:12]}]"
    # No line in the name: it is the identity by which a CI system compares two runs.
    case = _case(f"guarita.{finding.scanner}", title)
    if decision.state is State.FAILING:
        message = f"{finding.severity.value}: {printable(finding.message or finding.title)}"
        return _says(case, "failure", printable(finding.rule), message, _details(decision))
    words = STATES[decision.state]
    if decision.state is State.BELOW:
        SubElement(case, "system-out").text = f"{words} ({decision.threshold.value})\n{_details(decision)}"
    else:
        because = f": {printable(decision.reason)}" if decision.reason else ""
        SubElement(case, "skipped", type=decision.state.value, message=f"{words}{because}")
    return case


def _details(decision: Decision) -> str:
    finding = decision.finding
    lines = [place(decision), printable(finding.message)]
    lines += [
        f"{number:>5} {'>' if number == finding.location.line else '|'} {printable(text)}"
        for number, text in finding.snippet
    ]
    for label, text in (
        ("resource", finding.resource),
        ("fix", finding.fix),
        ("note", decision.reason),
        ("see", finding.help_url),
        ("severity", f"{finding.severity.value}; {finding.severity_basis}"),
        ("fingerprint", finding.fingerprint),
    ):
        if text:
            lines.append(f"{label}: {printable(text)}")
    return "\n".join(filter(None, lines))


def _case(suite: str, name: str) -> Element:
    return Element("testcase", classname=printable(suite), name=printable(name))


def _says(case: Element, tag: str, kind: str, message: str, text: str = "") -> Element:
    SubElement(case, tag, type=kind, message=message).text = text or message
    return case
