"""The controls of frameworks as OSCAL assessment results (NIST, version 1.1.3), for compliance tools.

A control that passed is a finding that is satisfied, one that failed is not satisfied, and one that was not checked is
excluded from the controls under review: nothing is said of it.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar, Final

from guarita.policy.frameworks import FrameworkCoverage, Standing, Status
from guarita.policy.frameworks.coverage import ControlCoverage
from guarita.policy.gate.verdict import Decision, Verdict
from guarita.scan.reports.document import encode
from guarita.scan.reports.escape import printable
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.summary import NO_CERTIFICATE, place

VERSION: Final = "1.1.3"
NAMESPACE: Final = "urn:guarita:oscal"
NOT_TOKEN: Final = re.compile(r"[^A-Za-z0-9._-]+")
LISTED: Final = 200
"""Findings of one control that are named; the rest are counted."""


class OscalReporter(Reporter):
    """Assessment results, one result for each framework that was asked for."""

    name: ClassVar[str] = "oscal"
    summary: ClassVar[str] = "controls of frameworks as OSCAL assessment results"

    def render(self, verdict: Verdict) -> bytes:
        return encode({"assessment-results": _Results(verdict).document()})


def control_id(framework: str, control: str) -> str:
    """A control's id as an OSCAL token: `lgpd_art.46-2o` for LGPD's `art. 46, § 2º`."""
    plain = unicodedata.normalize("NFKD", control.replace(". ", ".")).encode("ascii", "ignore").decode()
    return f"{framework}_{NOT_TOKEN.sub('-', plain).strip('-')}"


class _Results:
    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._space = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}:{verdict.scan_id}")
        self._ended = (verdict.started + dt.timedelta(seconds=verdict.seconds)).isoformat()
        self._decisions = {one.finding.fingerprint: one for one in verdict.decisions}

    def document(self) -> dict[str, Any]:
        plan = self._uuid("plan")
        return {
            "uuid": self._uuid("results"),
            "metadata": {
                "title": f"Guarita: {printable(self._verdict.root) or 'a tree'}",
                "last-modified": self._ended,
                "version": self._verdict.scan_id,
                "oscal-version": VERSION,
                "remarks": NO_CERTIFICATE,
            },
            "import-ap": {
                "href": f"#{plan}",
                "remarks": "There is no plan as a document: the policy and the scanners, by their digests, are it.",
            },
            "results": [self._result(one) for one in self._verdict.frameworks] or [self._nothing()],
            "back-matter": {
                "resources": [
                    {
                        "uuid": plan,
                        "title": "What this assessment rests on",
                        "description": "A scan of source files by `guarita scan`; digests are SHA-256.",
                        "props": self._digests(),
                    }
                ]
            },
        }

    def _digests(self) -> list[dict[str, str]]:
        facts = {f"digest-{name}": digest for name, digest in self._verdict.digests.items()}
        facts["revision"] = self._verdict.revision
        facts["verdict"] = self._verdict.result.value
        facts["guarita"] = version("guarita")
        return _props(facts)

    def _result(self, one: FrameworkCoverage) -> dict[str, Any]:
        checked = [control for control in one.controls if control.status is not Status.NOT_CHECKED]
        left = [control for control in one.controls if control.status is Status.NOT_CHECKED]
        selection: dict[str, Any] = {"description": "Not checked, and open, is what is excluded here."}
        # The schema knows no empty lists: where nothing was checked, everything but all of them is included.
        if checked:
            selection["include-controls"] = _controls(one, checked)
        else:
            selection["include-all"] = {}
        if left:
            selection["exclude-controls"] = _controls(one, left)
        result = {
            **self._head(one.name, f"{one.title}, {one.edition}"),
            "props": _props({status.replace("_", "-"): str(count) for status, count in one.counts().items()}),
            "reviewed-controls": {"control-selections": [selection]},
        }
        if checked:
            result["observations"] = [self._observation(one, control) for control in checked]
            result["findings"] = [self._finding(one, control) for control in checked]
        return result

    def _nothing(self) -> dict[str, Any]:
        return {
            **self._head("nothing", "No framework was asked for"),
            "reviewed-controls": {
                "control-selections": [
                    {"description": "No control was reviewed.", "include-controls": [{"control-id": "none"}]}
                ]
            },
        }

    def _head(self, name: str, title: str) -> dict[str, Any]:
        return {
            "uuid": self._uuid("result", name),
            "title": title,
            "description": NO_CERTIFICATE,
            "start": self._verdict.started.isoformat(),
            "end": self._ended,
        }

    def _observation(self, one: FrameworkCoverage, control: ControlCoverage) -> dict[str, Any]:
        evidence = [
            *(f"{ran.check} ran over {ran.over}" for ran in control.ran),
            *self._stand(control.standing),
        ]
        return {
            "uuid": self._uuid("observation", one.name, control.id),
            "title": f"{control.id} {control.title}",
            "description": control.reason,
            "methods": ["TEST-AUTOMATED"],
            "types": ["finding" if control.standing else "control-objective"],
            "relevant-evidence": [{"description": printable(text)} for text in evidence],
            "collected": self._ended,
        }

    def _stand(self, standing: Sequence[Standing]) -> Iterable[str]:
        for one in standing[:LISTED]:
            decision: Decision | None = self._decisions.get(one.fingerprint)
            where = f" at {place(decision)}" if decision else ""
            yield f"{one.rule}{where} stands, {one.state}, fingerprint {one.fingerprint}"
        if len(standing) > LISTED:
            yield f"{len(standing) - LISTED} more findings stand"

    def _finding(self, one: FrameworkCoverage, control: ControlCoverage) -> dict[str, Any]:
        passed = control.status is Status.PASSED
        status = {"state": "satisfied" if passed else "not-satisfied", "reason": "pass" if passed else "fail"}
        if control.excused:
            status["remarks"] = "The gate's policy lets each of these findings through."
        return {
            "uuid": self._uuid("finding", one.name, control.id),
            "title": f"{control.id} {control.title}",
            "description": control.reason,
            "target": {
                "type": "objective-id",
                "target-id": control_id(one.name, control.id),
                "status": status,
            },
            "related-observations": [{"observation-uuid": self._uuid("observation", one.name, control.id)}],
        }

    def _uuid(self, *names: str) -> str:
        return str(uuid.uuid5(self._space, "\0".join(names)))


def _controls(one: FrameworkCoverage, controls: Iterable[ControlCoverage]) -> list[dict[str, str]]:
    return [{"control-id": control_id(one.name, control.id)} for control in controls]


def _props(facts: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "ns": NAMESPACE, "value": printable(value)} for name, value in facts.items() if value
    ]
